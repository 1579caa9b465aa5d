import CCage
import Glibc
package import Store
import Synchronization

/// Starts a daemon where none is: without a socket, by its lock alone.
package struct DaemonStart: Sendable {
    private let store: Store
    /// Of the directory with config.toml; nil for the usual places.
    private let configuration: String?

    /// Seconds until a daemon has its lock and says that it is there, one that is on its way out has to be gone before. It loads in a
    /// hundredth of that; a task that is being stopped takes its policy's grace.
    private static let patience = 30

    package init(_ store: Store, configuration: String?) {
        self.store = store
        self.configuration = configuration
    }

    /// Returns when a daemon is up that will see what was enqueued before this call.
    ///
    /// - Returns: what it says about itself.
    package func ensure() async throws -> DaemonInfo {
        let deadline = ContinuousClock.now + .seconds(Self.patience)
        var child: StartedDaemon?
        // Most are there within some hundredths of a second; for what takes longer, nobody needs to look as often.
        var pause = Duration.milliseconds(5)
        while ContinuousClock.now < deadline {
            if let daemon = try store.daemon(), !daemon.isLeaving {
                // Most have nothing to recover, and are ready a moment later; what takes longer is not waited for.
                let phase = DaemonStatus(daemon.status)?.phase
                if phase != .recovering || ContinuousClock.now > deadline - .seconds(Self.patience - 3) {
                    return daemon
                }
            }
            // One that is on its way out still has the lock; a new one can only be had when it is gone.
            if try !FileLock.isHeld(store.paths.daemonLock), child?.hasEnded ?? true {
                child = StartedDaemon(try start())
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 1.1, .milliseconds(100))
        }
        throw DaemonError.notServing(try store.daemon()?.identity.process.pid)
    }

    /// The same for somebody who can go on waiting where none comes up, and looks again.
    func ensureIfNone() async {
        if let daemon = try? store.daemon(), !daemon.isLeaving { return }
        _ = try? await ensure()
    }

    /// In a session of its own, with nothing of ours but the environment, in which the credentials are that its tasks will need.
    private func start() throws(SupervisionError) -> pid_t {
        let program = try ProgramLocation.own()
        let null = try Descriptor.open("/dev/null", O_RDWR)
        let log = try ServeLog.open(in: store.paths)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, source) in [null.number, null.number, log.number].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
        }
        // Not where the caller stands: that directory is to be free again.
        guard cage_spawn_in(&actions, store.paths.directory) == 0 else { throw .resources("memory", ENOMEM) }
        guard cage_spawn_close_from(&actions, 3) == 0 else { throw .resources("memory", ENOMEM) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        sigfillset(&all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        // POSIX_SPAWN_SETSID is not imported (it needs _GNU_SOURCE): <spawn.h>, glibc 2.26.
        let setsid: Int16 = 0x80
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK) | setsid)
        var words = ["claudine", "serve", "--on-demand", "--state-dir", store.paths.directory]
        if let configuration { words += ["--config", configuration] }
        var arguments = words.map { strdup($0) as UnsafeMutablePointer<CChar>? } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, program, &actions, &attributes, &arguments, environ)
        guard code == 0 else { throw .resources("process for the daemon", code) }
        return pid
    }
}

/// A daemon that we have started. Whoever waits for a task outlives it, perhaps by hours, so it is reaped whenever it ends.
private final class StartedDaemon: Sendable {
    private let ended = Atomic(false)

    init(_ pid: pid_t) {
        Background.begin { [self] in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            ended.store(true, ordering: .releasing)
        }
    }

    var hasEnded: Bool { ended.load(ordering: .acquiring) }
}
