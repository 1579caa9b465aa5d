import Foundation

/// Decides about the arguments of a few calls, in front of the filter that decides about the calls.
///
/// libseccomp has no "otherwise" for one call and no masked "not equal", so that EAFNOSUPPORT for all but four socket
/// families would take dozens of rules. Only the low 32 bits of an argument are ever looked at, which is what the kernel
/// uses of an `int`: bits above cannot smuggle a value past a comparison. What a guard lets through still has to pass
/// the filter behind it.
struct ArgumentGuards {
    /// `argument & mask == value`, 32 bits wide.
    struct Test {
        var argument: Int
        var mask: UInt32 = .max
        var value: UInt32
    }

    struct Guard {
        var call: String
        /// The call goes on when all tests of one alternative hold…
        var passes: [[Test]] = []
        /// …and none of these holds.
        var fails: [Test] = []
        /// The answer else; nil for the policy's own way of refusing.
        var errno: Int32?
    }

    var guards: [Guard]
    /// What a refusal without an errno of its own is.
    var refusal: UInt32

    /// Instructions that end in a refusal or run on into the first instruction behind them.
    func program(architecture: UInt32) -> [Instruction] {
        // A foreign architecture is for the filter behind to kill: its numbers mean other calls.
        var program: [Instruction] = [
            .load(Instruction.architecture), .skip(1, ifEqual: architecture), .jump(0), .load(Instruction.number),
        ]
        for item in guards {
            guard let number = SyscallNames.number(item.call) else { continue }
            let body = body(of: item)
            program.append(.skip(body.count, unlessEqual: UInt32(bitPattern: number)))
            program += body
        }
        let jump = Instruction.jump(0).code
        for index in program.indices where program[index].code == jump {
            program[index].operand = UInt32(program.count - index - 1)
        }
        return program
    }

    /// Ends in every case, with a refusal or with a jump past all guards.
    private func body(of item: Guard) -> [Instruction] {
        let refuse = Instruction.end(item.errno.map(SeccompAction.errno) ?? refusal)
        var body: [Instruction] = []
        for test in item.fails { body += Self.compare([test], then: refuse) }
        for tests in item.passes { body += Self.compare(tests, then: .jump(0)) }
        body.append(item.passes.isEmpty ? .jump(0) : refuse)
        return body
    }

    private static func compare(_ tests: [Test], then verdict: Instruction) -> [Instruction] {
        var code = [verdict]
        for test in tests.reversed() {
            let mask: [Instruction] = test.mask == .max ? [] : [.and(test.mask)]
            code =
                [.load(Instruction.argument(test.argument))] + mask + [.skip(code.count, unlessEqual: test.value)]
                + code
        }
        return code
    }
}

extension ArgumentGuards {
    /// The guards of a profile.
    ///
    /// - `ioctl`: no TIOCSTI and TIOCLINUX, which type into a terminal (CVE-2017-5226, CVE-2023-28100).
    /// - `clone`: no namespaces. The flags are the first argument on x86-64 and aarch64; of 64 bits the kernel uses 32.
    /// - `socket`, `socketpair`: the families that programs on a machine without special hardware use.
    /// - `personality`: asking, and the ordinary one.
    /// - whatever gives a file its mode: no set-user-ID and set-group-ID. Inside they do nothing, but a workspace lies on the
    ///   host's disk, where the file would belong to the caller: as root a root shell for everybody.
    static func guards(of syscalls: Policy.Syscalls, nested: Bool) -> ArgumentGuards {
        var guards = [
            Guard(
                call: "ioctl", fails: [Test(argument: 1, value: 0x5412), Test(argument: 1, value: 0x541c)])
        ]
        guards += modes
        if !nested {
            guards.append(
                Guard(call: "clone", passes: [[Test(argument: 0, mask: CloneFlags.all, value: 0)]]))
        }
        switch syscalls.profile {
        case .agent:
            guards += [
                Guard(call: "socket", passes: socketKinds, errno: EAFNOSUPPORT),
                Guard(
                    call: "socketpair", passes: [[Test(argument: 0, value: UInt32(AF_UNIX))]], errno: EAFNOSUPPORT),
                Guard(
                    call: "personality",
                    passes: [[Test(argument: 0, value: 0)], [Test(argument: 0, value: 0xffff_ffff)]]),
            ]
        case .denyDangerous:
            // AF_ALG and AF_VSOCK: the kernel's crypto parser, and the way to a hypervisor past every namespace.
            guards.append(
                Guard(
                    call: "socket", fails: [38, 40].map { Test(argument: 0, value: $0) }, errno: EAFNOSUPPORT))
        case .off:
            guards = []
        }
        return ArgumentGuards(
            guards: guards.filter { !syscalls.allow.contains($0.call) }, refusal: syscalls.refusal(nested: nested))
    }

    /// chmod(2), open(2), mknod(2). openat2 has its mode in memory, where no filter can look; it is left out of the profiles.
    private static var modes: [Guard] {
        func plain(_ argument: Int) -> Test { Test(argument: argument, mask: 0o6000, value: 0) }
        // Without O_CREAT and O_TMPFILE the mode is not looked at and may be anything.
        func opening(_ call: String, flags: Int, mode: Int) -> Guard {
            Guard(
                call: call, passes: [[Test(argument: flags, mask: 0o100 | 0o20_000_000, value: 0)], [plain(mode)]])
        }
        let setting = [
            ("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2), ("creat", 1), ("mknod", 1), ("mknodat", 2),
        ]
        return setting.map { Guard(call: $0.0, passes: [[plain($0.1)]]) }
            + [opening("open", flags: 1, mode: 2), opening("openat", flags: 2, mode: 3)]
    }

    /// AF_UNIX, AF_INET, AF_INET6 with SOCK_STREAM and SOCK_DGRAM; AF_NETLINK with NETLINK_ROUTE (0).
    private static var socketKinds: [[Test]] {
        // SOCK_CLOEXEC | SOCK_NONBLOCK ride on the type.
        let typeMask: UInt32 = ~(0o2_000_000 | 0o4_000)
        let streams = [AF_UNIX, AF_INET, AF_INET6].flatMap { family in
            // SOCK_STREAM 1, SOCK_DGRAM 2
            [1, 2].map { type in
                [Test(argument: 0, value: UInt32(family)), Test(argument: 1, mask: typeMask, value: type)]
            }
        }
        let route = [Test(argument: 0, value: UInt32(AF_NETLINK)), Test(argument: 2, value: 0)]
        return streams + [route]
    }
}

/// Namespace flags of clone(2) (linux/sched.h).
enum CloneFlags {
    static let mount: UInt64 = 0x0002_0000
    static let cgroup: UInt64 = 0x0200_0000
    static let uts: UInt64 = 0x0400_0000
    static let ipc: UInt64 = 0x0800_0000
    static let user: UInt64 = 0x1000_0000
    static let pid: UInt64 = 0x2000_0000
    static let network: UInt64 = 0x4000_0000

    /// All of them and CLONE_NEWTIME (0x80).
    static let all: UInt32 = 0x7e02_0080
}
