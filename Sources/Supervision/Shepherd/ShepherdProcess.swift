import CCage
import Glibc
import Store

/// A running shepherd: its pid, and our ends of what connects us.
struct ShepherdProcess: ~Copyable {
    let path: String
    let pid: pid_t
    let commands: Descriptor
    let reports: Descriptor
    let handoff: Descriptor

    /// What the shepherd is given besides the pipes.
    struct Inheritance: ~Copyable {
        let attemptDirectory: Descriptor
        let standardInput: Descriptor
        /// Its stderr: a stray line or a crash report ends up here, never in the protocol.
        let log: Descriptor
    }

    /// Starts one in a session of its own, so that the terminal's signals do not reach it, with an empty environment.
    static func start(
        path: String, title: String, inheriting inheritance: consuming Inheritance
    ) throws(SupervisionError) -> ShepherdProcess {
        let commands = try Descriptor.pipe(weRead: false)
        let reports = try Descriptor.pipe(weRead: true)
        let handoff = try Descriptor.socketPair()
        let null = try Descriptor.open("/dev/null", O_RDWR)

        // In the order of the numbers they get: 0, 1, 2, then the protocol's 3 to 7 (docs/protocol.md, "Transport").
        let sources = [
            null.number, null.number, inheritance.log.number, commands.theirs.number, reports.theirs.number,
            inheritance.attemptDirectory.number, handoff.theirs.number, inheritance.standardInput.number,
        ]
        var raised: [Int32] = []
        defer { for number in raised { close(number) } }
        // Above every target, so that no dup2 overwrites a source that is still to come.
        for source in sources {
            let number = fcntl(source, F_DUPFD_CLOEXEC, 16)
            guard number >= 0 else { throw .resources("file descriptor", errno) }
            raised.append(number)
        }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, source) in raised.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
        }
        guard cage_spawn_close_from(&actions, Int32(raised.count)) == 0 else { throw .resources("memory", ENOMEM) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        sigfillset(&defaults)
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setsigmask(&attributes, &mask)
        // POSIX_SPAWN_SETSID is not imported (it needs _GNU_SOURCE): <spawn.h>, glibc 2.26.
        let setsid: Int16 = 0x80
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK) | setsid)

        var pid: pid_t = 0
        var code: Int32 = 0
        OrphanSweep.sparing {
            code = withArguments(["claudine-shepherd", title]) { arguments in
                var environment: [UnsafeMutablePointer<CChar>?] = [nil]
                return posix_spawn(&pid, path, &actions, &attributes, arguments, &environment)
            }
            return code == 0 ? pid : 0
        }
        switch code {
        case 0: break
        case EAGAIN, ENOMEM, EMFILE, ENFILE: throw .resources("process for the shepherd", code)
        default: throw .shepherdNotExecutable(path, code)
        }
        return ShepherdProcess(
            path: path, pid: pid, commands: commands.ours, reports: reports.ours, handoff: handoff.ours)
    }

    /// Opens the conversation.
    consuming func connect(_ events: @escaping @Sendable (ShepherdEvent) -> Void) -> ShepherdLink {
        ShepherdLink(commands: commands, reports: reports, handoff: handoff, events: events)
    }

    private static func withArguments(
        _ arguments: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
    ) -> Int32 {
        var copies = arguments.map { argument in strdup(argument) as UnsafeMutablePointer<CChar>? }
        copies.append(nil)
        defer { for copy in copies { free(copy) } }
        return copies.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return EINVAL }
            return body(base)
        }
    }
}
