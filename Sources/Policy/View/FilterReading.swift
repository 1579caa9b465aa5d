import CSeccomp
package import ShepherdProtocol

/// What a compiled filter would say to a call, found by running it (linux/filter.h), not by looking at what it was made from.
package struct FilterReading: Sendable {
    private let program: [Instruction]

    /// - Parameter bytes: `struct sock_filter[]` in native byte order; empty allows everything.
    package init(_ bytes: Bytes) {
        program = stride(from: 0, to: bytes.count - bytes.count % Instruction.size, by: Instruction.size).map { start in
            bytes[start..<start + Instruction.size].withUnsafeBytes { raw in
                Instruction(
                    code: raw.loadUnaligned(as: UInt16.self), ifTrue: raw[2], ifFalse: raw[3],
                    operand: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            }
        }
    }

    /// Whether a call of this machine's own architecture with these arguments is carried out. A program that this cannot read refuses.
    package func allows(_ number: Int32, _ arguments: [UInt64]) -> Bool {
        guard !program.isEmpty else { return true }
        let data = words(number, arguments)
        var accumulator: UInt32 = 0
        var at = 0
        // Jumps lead forward only, so that a program ends within its length.
        while program.indices.contains(at) {
            let step = program[at]
            at += 1
            switch step.code {
            case 0x20:
                guard step.operand % 4 == 0, data.indices.contains(Int(step.operand / 4)) else { return false }
                accumulator = data[Int(step.operand / 4)]
            case 0x54: accumulator &= step.operand
            case 0x05: at += Int(step.operand)
            case 0x15: at += Int(accumulator == step.operand ? step.ifTrue : step.ifFalse)
            case 0x25: at += Int(accumulator > step.operand ? step.ifTrue : step.ifFalse)
            case 0x35: at += Int(accumulator >= step.operand ? step.ifTrue : step.ifFalse)
            case 0x45: at += Int(accumulator & step.operand != 0 ? step.ifTrue : step.ifFalse)
            case 0x06: return step.operand == SeccompAction.allow
            default: return false
            }
        }
        return false
    }

    /// `struct seccomp_data` (linux/seccomp.h) as the words that a program loads: number, architecture, the instruction, six arguments.
    private func words(_ number: Int32, _ arguments: [UInt64]) -> [UInt32] {
        var words = [UInt32](repeating: 0, count: 16)
        words[0] = UInt32(bitPattern: number)
        words[1] = seccomp_arch_native()
        for (index, value) in arguments.prefix(6).enumerated() {
            let low = Int(Instruction.argument(index) / 4)
            words[low] = UInt32(truncatingIfNeeded: value)
            words[low ^ 1] = UInt32(truncatingIfNeeded: value >> 32)
        }
        return words
    }
}
