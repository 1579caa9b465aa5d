@testable import Policy

/// A classic BPF interpreter for seccomp filters, written from linux/filter.h and not from the code under test.
struct FilterMachine {
    enum Verdict: Equatable {
        case allow
        case errno(Int)
        /// EPERM as well, by way of the shepherd.
        case notify
        case killProcess
        /// A fault of the program: a jump out of it, an unknown instruction, another verdict.
        case broken(String)
    }

    private var program: [(code: UInt16, jt: Int, jf: Int, k: UInt32)] = []

    init(_ bytes: [UInt8]) {
        for start in stride(from: 0, to: bytes.count, by: 8) {
            let item = bytes[start..<start + 8].map(UInt32.init)
            program.append(
                (
                    UInt16(item[0] | item[1] << 8), Int(item[2]), Int(item[3]),
                    item[4] | item[5] << 8 | item[6] << 16 | item[7] << 24
                ))
        }
    }

    /// AUDIT_ARCH_X86_64
    static let x86: UInt32 = 0xc000_003e

    func run(_ number: Int32, _ arguments: [UInt64] = [], architecture: UInt32 = x86) -> Verdict {
        var words = [UInt32](repeating: 0, count: 16)
        words[0] = UInt32(bitPattern: number)
        words[1] = architecture
        for (index, value) in arguments.enumerated() {
            words[4 + index * 2] = UInt32(truncatingIfNeeded: value)
            words[5 + index * 2] = UInt32(truncatingIfNeeded: value >> 32)
        }
        var accumulator: UInt32 = 0
        var at = 0
        // Jumps only lead forward, so a program ends within its length.
        for _ in 0...program.count {
            guard program.indices.contains(at) else { return .broken("left the program at \(at)") }
            let step = program[at]
            at += 1
            switch step.code {
            case 0x20:
                guard step.k % 4 == 0, step.k < 64 else { return .broken("load at \(step.k)") }
                accumulator = words[Int(step.k / 4)]
            case 0x54: accumulator &= step.k
            case 0x05: at += Int(step.k)
            case 0x15: at += accumulator == step.k ? step.jt : step.jf
            case 0x25: at += accumulator > step.k ? step.jt : step.jf
            case 0x35: at += accumulator >= step.k ? step.jt : step.jf
            case 0x45: at += accumulator & step.k != 0 ? step.jt : step.jf
            case 0x06: return Self.verdict(step.k)
            default: return .broken("instruction \(step.code)")
            }
        }
        return .broken("no end")
    }

    private static func verdict(_ value: UInt32) -> Verdict {
        switch value & 0xffff_0000 {
        case 0x7fff_0000: .allow
        case 0x0005_0000: .errno(Int(value & 0xffff))
        case 0x8000_0000: .killProcess
        case 0x7fc0_0000: .notify
        default: .broken("verdict \(value)")
        }
    }
}
