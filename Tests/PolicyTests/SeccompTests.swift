import CSeccomp
import Glibc
import Testing

@testable import Policy

@Suite(.enabled(if: seccomp_arch_native() == FilterMachine.x86, "the numbers below are those of x86-64"))
struct SeccompTests {
    private let strict: FilterMachine
    private let permissive: FilterMachine

    init() throws {
        strict = try Self.machine(builtIn("strict"))
        permissive = try Self.machine(builtIn("permissive"))
    }

    private static func machine(_ policy: Policy) throws -> FilterMachine {
        FilterMachine(try SeccompProgram.build(policy.syscalls, nested: policy.process.nestedSandbox).bytes)
    }

    private func number(_ name: String) -> Int32 { seccomp_syscall_resolve_name(name) }

    @Test(arguments: [
        "read", "write", "openat", "execve", "clone", "futex", "epoll_pwait2", "pwritev2", "readlinkat",
        "rseq", "landlock_restrict_self", "inotify_add_watch", "vfork", "pidfd_open", "getdents64", "close_range",
    ])
    func whatToolsNeedIsAllowed(name: String) {
        #expect(strict.run(number(name)) == .allow)
        #expect(permissive.run(number(name)) == .allow)
    }

    @Test(arguments: [
        "ptrace", "process_vm_readv", "pidfd_getfd", "kcmp", "mount", "umount2", "move_mount", "open_tree",
        "pivot_root", "chroot", "unshare", "setns", "keyctl", "add_key", "bpf", "perf_event_open", "userfaultfd",
        "io_uring_setup", "io_uring_enter", "io_uring_register", "kexec_load", "init_module", "finit_module", "reboot",
        "open_by_handle_at", "fanotify_init", "iopl", "modify_ldt", "syslog", "clock_settime", "sethostname",
        "vmsplice",
        "memfd_secret", "move_pages", "mbind", "process_madvise", "swapon", "quotactl", "acct",
    ])
    func theDangerousIsRefused(name: String) throws {
        #expect(strict.run(number(name)) == .notify)
        #expect(permissive.run(number(name)) == (SyscallSets.nested.contains(name) ? .allow : .errno(1)))
        var plain = try builtIn("permissive")
        plain.process.nestedSandbox = false
        #expect(try Self.machine(plain).run(number(name)) == .notify)
    }

    /// A file with such a bit in the workspace would be a way to the caller's identity on the host.
    @Test(
        arguments: [
            ("chmod", [0, 0o4755]), ("chmod", [0, 0o2755]), ("chmod", [0, 1 << 32 | 0o4755]), ("fchmod", [0, 0o6755]),
            ("fchmodat", [0, 0, 0o4700]), ("fchmodat2", [0, 0, 0o4700, 0]), ("creat", [0, 0o4755]),
            ("mknod", [0, 0o104755]), ("mknodat", [0, 0, 0o104755]), ("open", [0, 0o101, 0o4755]),
            ("openat", [0, 0, 0o102, 0o2755]), ("openat", [0, 0, 0o20_200_002, 0o4755]),
        ] as [(String, [UInt64])])
    func setUserIDBitsAreRefused(name: String, arguments: [UInt64]) {
        #expect(strict.run(number(name), arguments) == .notify)
        #expect(permissive.run(number(name), arguments) == .errno(1))
    }

    @Test(
        arguments: [
            ("chmod", [0, 0o1777]), ("fchmod", [0, 0o755]), ("fchmodat", [0, 0, 0o700]), ("open", [0, 0o101, 0o644]),
            ("openat", [0, 0, 0, 0o7777]), ("openat", [0, 0, 0o200_000, 0xffff_ffff]), ("mknodat", [0, 0, 0o10644]),
        ] as [(String, [UInt64])])
    func ordinaryModesPass(name: String, arguments: [UInt64]) {
        #expect(strict.run(number(name), arguments) == .allow)
        #expect(permissive.run(number(name), arguments) == .allow)
    }

    @Test func callsWhoseModeNobodyCanSeeDoNotExist() {
        #expect(strict.run(number("openat2")) == .errno(38))
        #expect(permissive.run(number("openat2")) == .errno(38))
        #expect(strict.run(number("clone3")) == .errno(38))
    }

    /// Every number there is gives a verdict, and no allowed one is missing from the lists.
    @Test func theWholeTableIsAsListed() {
        let allowed = Set(SyscallSets.agent.compactMap(SyscallNames.number))
        let refused = Set(SyscallSets.dangerous.compactMap(SyscallNames.number))
        for number in Int32(0)..<1_200 {
            let verdict = strict.run(number, [0, 0, 0, 0, 0, 0])
            if refused.contains(number) {
                #expect(verdict == .notify, "\(number)")
            } else if !allowed.contains(number) {
                #expect(verdict == .errno(38), "\(number)")
            } else if [self.number("socket"), self.number("socketpair")].contains(number) {
                #expect(verdict == .errno(97), "\(number)")
            } else {
                #expect(verdict == .allow, "\(number)")
            }
        }
        #expect(allowed.count > 240)
        #expect(allowed.isDisjoint(with: refused))
    }

    @Test func foreignArchitecturesAreKilled() {
        for architecture: UInt32 in [0x4000_0003, 0xc000_00b7, 0x4000_0028, 0, .max] {
            for number in Int32(0)..<450 {
                #expect(strict.run(number, architecture: architecture) == .killProcess)
                #expect(permissive.run(number, architecture: architecture) == .killProcess)
            }
        }
    }

    @Test func x32IsKilled() {
        for number in [0, 1, 16, 39, 41, 56, 59, 101, 435, 512, 547] as [Int32] {
            #expect(strict.run(0x4000_0000 | number) == .killProcess)
            #expect(permissive.run(0x4000_0000 | number) == .killProcess)
        }
    }

    @Test func cloneMakesThreadsAndNoNamespaces() throws {
        let clone = number("clone")
        // fork, a thread of glibc, vfork
        for flags: UInt64 in [0x0120_0011, 0x003d_0f00, 0x4111] {
            #expect(strict.run(clone, [flags]) == .allow)
            #expect(strict.run(clone, [flags | 0xdead_0000_0000_0000]) == .allow)
        }
        for bit: UInt64 in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
            #expect(strict.run(clone, [bit | 17]) == .notify)
            #expect(strict.run(clone, [bit | 1 << 40]) == .notify)
            #expect(permissive.run(clone, [bit | 17]) == .allow)
        }
        #expect(strict.run(number("clone3")) == .errno(38))
        #expect(permissive.run(number("clone3")) == .allow)
        var plain = try builtIn("permissive")
        plain.process.nestedSandbox = false
        #expect(try Self.machine(plain).run(number("clone3")) == .errno(38))
        #expect(try Self.machine(plain).run(clone, [0x1000_0011]) == .notify)
    }

    @Test func nothingIsTypedIntoTerminals() {
        for (machine, refusal): (FilterMachine, FilterMachine.Verdict) in [(strict, .notify), (permissive, .errno(1))] {
            for request: UInt64 in [0x5412, 0x541c] {
                #expect(machine.run(number("ioctl"), [0, request]) == refusal)
                #expect(machine.run(number("ioctl"), [0, request | 1 << 32]) == refusal)
                #expect(machine.run(number("ioctl"), [0, request | 0xffff_ffff_0000_0000]) == refusal)
            }
            #expect(machine.run(number("ioctl"), [0, 0x5401]) == .allow)
        }
    }

    @Test func socketsAreOfFourFamilies() {
        let (socket, flags) = (number("socket"), [0, 0o2_000_000, 0o4_000, 0o2_004_000] as [UInt64])
        for family: UInt64 in 0..<64 {
            for type: UInt64 in 0..<12 {
                for flag in flags {
                    for `protocol`: UInt64 in [0, 4, 15, 255] {
                        let isInternet = [1, 2, 10].contains(family) && [1, 2].contains(type)
                        let isRoute = family == 16 && `protocol` == 0
                        let expected: FilterMachine.Verdict = isInternet || isRoute ? .allow : .errno(97)
                        #expect(strict.run(socket, [family, type | flag, `protocol`]) == expected)
                        // What the kernel does not see must not change anything.
                        let high: UInt64 = 0x1_0000_0000
                        #expect(strict.run(socket, [family | high, type | flag | high, `protocol` | high]) == expected)
                    }
                }
            }
        }
        for family: UInt64 in 0..<64 {
            #expect(strict.run(number("socketpair"), [family, 1]) == (family == 1 ? .allow : .errno(97)))
            #expect(permissive.run(socket, [family, 3]) == ([38, 40].contains(family) ? .errno(97) : .allow))
            #expect(
                permissive.run(socket, [family | 1 << 32, 3]) == ([38, 40].contains(family) ? .errno(97) : .allow))
        }
    }

    @Test func personalityIsAskedOrOrdinary() {
        let call = number("personality")
        #expect(strict.run(call, [0]) == .allow)
        #expect(strict.run(call, [0xffff_ffff]) == .allow)
        #expect(strict.run(call, [.max]) == .allow)
        #expect(strict.run(call, [0x0040_0000]) == .notify)
    }

    @Test func aPolicyAddsAndTakesAway() throws {
        var policy = try builtIn("strict")
        policy.syscalls.allow = ["ptrace", "personality", "nosuchcall"]
        policy.syscalls.deny = ["inotify_add_watch", "socket"]
        let machine = try Self.machine(policy)
        #expect(machine.run(number("ptrace")) == .allow)
        #expect(machine.run(number("personality"), [0x0040_0000]) == .allow)
        #expect(machine.run(number("inotify_add_watch")) == .notify)
        #expect(machine.run(number("socket"), [1, 1, 0]) == .notify)
        #expect(machine.run(number("read")) == .allow)
    }

    @Test func theWayOfRefusingIsThePolicys() throws {
        for (way, verdict): (Policy.Syscalls.Denied, FilterMachine.Verdict) in [
            (.report, .notify), (.eperm, .errno(1)), (.kill, .killProcess),
        ] {
            var policy = try builtIn("strict")
            policy.syscalls.denied = way
            // Calls of the worker's own start are never handed to a listener that is not there yet.
            policy.syscalls.deny = ["inotify_add_watch", "sendmsg"]
            let machine = try Self.machine(policy)
            for name in ["mount", "inotify_add_watch"] { #expect(machine.run(number(name)) == verdict) }
            #expect(machine.run(number("clone"), [0x1000_0011]) == verdict)
            #expect(machine.run(number("sendmsg")) == .errno(1))
            #expect(machine.run(number("clone3")) == .errno(38))
        }
    }

    @Test func aDenialThatMeansNothingIsAnError() throws {
        var policy = try builtIn("strict")
        policy.syscalls.deny = ["nosuchcall"]
        #expect(refusal { try Self.machine(policy) }?.detail["found"] == "nosuchcall")
    }

    @Test func offIsEmpty() throws {
        var policy = try builtIn("permissive")
        policy.syscalls.profile = .off
        #expect(try SeccompProgram.build(policy.syscalls, nested: false).bytes.isEmpty)
    }
}

@Suite struct SeccompCacheTests {
    private let directory: TemporaryDirectory
    private let cache: SeccompCache

    init() throws {
        directory = try TemporaryDirectory()
        cache = SeccompCache(directory: directory.path + "/filters")
    }

    private func file() throws -> String {
        cache.directory + "/" + (try #require(DirectoryNames.list(cache.directory).first))
    }

    @Test func aFilterIsStoredOnceAndReadBack() throws {
        let policy = try builtIn("strict")
        let built = try SeccompProgram.build(policy.syscalls, nested: false)
        #expect(try cache.program(for: policy) == built)
        #expect(DirectoryNames.list(cache.directory).count == 1)
        var status = stat()
        #expect(stat(try file(), &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(stat(cache.directory, &status) == 0 && status.st_mode & 0o777 == 0o700)
        let inode = try inode()
        #expect(try cache.program(for: policy) == built)
        #expect(try self.inode() == inode)
        #expect(try cache.program(for: builtIn("permissive")) != built)
        #expect(DirectoryNames.list(cache.directory).count == 2)
    }

    private func inode() throws -> UInt64 {
        var status = stat()
        #expect(stat(try file(), &status) == 0)
        return UInt64(status.st_ino)
    }

    @Test(arguments: ["flipped", "short", "odd", "empty", "open", "link"])
    func whatIsNotOursIsBuiltAnew(damage: String) throws {
        let policy = try builtIn("strict")
        let built = try cache.program(for: policy)
        let path = try file()
        let descriptor = open(path, O_RDWR)
        defer { close(descriptor) }
        switch damage {
        case "flipped":
            var byte: UInt8 = 0
            #expect(pread(descriptor, &byte, 1, 100) == 1)
            byte ^= 1
            #expect(pwrite(descriptor, &byte, 1, 100) == 1)
        case "short": #expect(ftruncate(descriptor, off_t(32 + built.bytes.count - 8)) == 0)
        case "odd": #expect(ftruncate(descriptor, off_t(32 + built.bytes.count + 3)) == 0)
        case "empty": #expect(ftruncate(descriptor, 0) == 0)
        case "open": #expect(chmod(path, 0o644) == 0)
        default:
            #expect(rename(path, directory.path + "/elsewhere") == 0)
            #expect(symlink(directory.path + "/elsewhere", path) == 0)
        }
        #expect(try cache.program(for: policy) == built)
        var status = stat()
        #expect(lstat(path, &status) == 0 && status.st_mode == S_IFREG | 0o600)
        #expect(status.st_size == off_t(32 + built.bytes.count))
    }

    @Test func aDirectoryThatCannotBeMadeIsAnError() throws {
        try directory.write("file", "")
        let broken = SeccompCache(directory: directory.path + "/file/filters")
        #expect(refusal { try broken.program(for: builtIn("strict")) }?.code == .config)
    }
}
