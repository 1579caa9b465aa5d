import Glibc

/// One instruction of classic BPF, as in `struct sock_filter` (linux/filter.h).
struct Instruction: Equatable {
    var code: UInt16
    var ifTrue: UInt8 = 0
    var ifFalse: UInt8 = 0
    var operand: UInt32 = 0

    /// BPF_LD | BPF_W | BPF_ABS: a word of `struct seccomp_data`.
    static func load(_ offset: UInt32) -> Instruction { Instruction(code: 0x20, operand: offset) }
    /// BPF_ALU | BPF_AND | BPF_K
    static func and(_ mask: UInt32) -> Instruction { Instruction(code: 0x54, operand: mask) }
    /// BPF_JMP | BPF_JEQ | BPF_K: steps over so many instructions.
    static func skip(_ count: Int, unlessEqual value: UInt32) -> Instruction {
        Instruction(code: 0x15, ifFalse: UInt8(truncatingIfNeeded: count), operand: value)
    }
    static func skip(_ count: Int, ifEqual value: UInt32) -> Instruction {
        Instruction(code: 0x15, ifTrue: UInt8(truncatingIfNeeded: count), operand: value)
    }
    /// BPF_JMP | BPF_JA: steps over so many instructions.
    static func jump(_ count: UInt32) -> Instruction { Instruction(code: 0x05, operand: count) }
    /// BPF_RET | BPF_K
    static func end(_ action: UInt32) -> Instruction { Instruction(code: 0x06, operand: action) }

    /// Offsets in `struct seccomp_data` (linux/seccomp.h).
    static let number: UInt32 = 0
    static let architecture: UInt32 = 4

    /// The low half of an argument, which stands second on a big-endian machine.
    static func argument(_ index: Int) -> UInt32 {
        let low: UInt32 = UInt32(1).littleEndian == 1 ? 0 : 4
        return 16 + UInt32(index) * 8 + low
    }

    /// Native byte order.
    var bytes: [UInt8] {
        withUnsafeBytes(of: code) { Array($0) } + [ifTrue, ifFalse] + withUnsafeBytes(of: operand) { Array($0) }
    }

    static let size = 8
    /// BPF_MAXINSNS
    static let most = 4096
}

extension Policy.Syscalls {
    /// What happens to a call that is refused rather than unknown.
    func refusal(nested: Bool) -> UInt32 {
        switch denied {
        // There is one listener in a stack of filters, and a sandbox inside may want to be it.
        case .report: nested ? SeccompAction.errno(EPERM) : SeccompAction.notify
        case .eperm: SeccompAction.errno(EPERM)
        case .kill: SeccompAction.killProcess
        }
    }
}

/// Verdicts of a filter (linux/seccomp.h), ours since libseccomp's macros take arguments.
enum SeccompAction {
    static let killProcess: UInt32 = 0x8000_0000
    static let allow: UInt32 = 0x7fff_0000
    /// The shepherd answers, with EPERM, and counts.
    static let notify: UInt32 = 0x7fc0_0000
    static func errno(_ errno: Int32) -> UInt32 { 0x0005_0000 | UInt32(truncatingIfNeeded: errno) & 0xffff }
}
