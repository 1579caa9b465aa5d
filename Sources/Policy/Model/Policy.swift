/// What an agent may reach, how long it lives and how much it may use: the whole of one policy file, checked and immutable.
///
/// Property names are those of the file in camel case (docs/policies.md has every field with its mechanism). A value of this
/// type comes from `PolicyLoader` or `PolicyLibrary`, so that all bounds hold; its digest names it in the record. The cases
/// of every enumeration stand in the order of policies, the strictest first.
package struct Policy: Equatable, Sendable, Codable {
    package var name: String
    package var description: String
    package var onMissing: OnMissing
    package var require: [Layer]
    package var process: Process
    package var limits: Limits
    package var filesystem: Filesystem
    package var workspace: Workspace
    package var network: Network
    package var credentials: Credentials
    package var environment: Environment
    package var syscalls: Syscalls
    package var landlock: Landlock

    package struct Process: Equatable, Sendable, Codable {
        /// What becomes of a task whose supervisor, shepherd or machine was lost.
        package enum OnLost: String, Sendable, Codable, CaseIterable {
            /// It ends as `lost`.
            case fail
            /// The agent's own session goes on in a new attempt.
            case resume
            /// It runs again from the start, whatever it had already done.
            case retry
        }
        /// What a task ends as whose worker succeeded and left processes behind; they are ended in any case.
        package enum OnStragglers: String, Sendable, Codable, CaseIterable {
            case fail
            case succeed
        }
        /// From exec to the stop ladder.
        package var wallTime: Bound<TimeSpan>
        /// Without a byte of output.
        package var idleTime: Bound<TimeSpan>
        /// Between SIGTERM and SIGKILL.
        package var killGrace: TimeSpan
        /// What survivors of a natural exit are given before they are ended.
        package var linger: TimeSpan
        /// 0…19.
        package var nice: Int
        /// 0…1000.
        package var oomScoreAdj: Int
        /// Whether the worker may make namespaces and mounts of its own.
        package var nestedSandbox: Bool
        package var onLost: OnLost
        package var onStragglers: OnStragglers
    }

    package struct Limits: Equatable, Sendable, Codable {
        /// Tasks (processes and threads) in the cage, its init included.
        package var processes: Int
        /// Of all processes together.
        package var memory: Bound<ByteSize>
        /// File descriptors of each process.
        package var openFiles: Int
        /// Of each file written.
        package var fileSize: Bound<ByteSize>
        /// Of all processes together.
        package var cpuTime: Bound<TimeSpan>
        /// 1…10000, as cgroup v2's `cpu.weight`; 100 is what everything else has.
        package var cpuWeight: Int
        /// What the workspace and the private home may grow by on disk.
        package var disk: Bound<ByteSize>
        /// Of each process.
        package var lockedMemory: ByteSize
        package var output: Output
    }

    package struct Output: Equatable, Sendable, Codable {
        /// Kept of the beginning of each stream.
        package var head: ByteSize
        /// Kept of the end of each stream.
        package var tail: ByteSize
        /// Of both streams together, after which the task is stopped.
        package var limit: Bound<ByteSize>
    }

    package struct Filesystem: Equatable, Sendable, Codable {
        package enum Root: String, Sendable, Codable, CaseIterable {
            /// An empty root with the distribution's programs and libraries, and of `/etc` what they cannot do without.
            case minimal
            /// An empty root with the system's programs, libraries and configuration, read-only.
            case systemReadOnly = "system-ro"
            /// Everything but homes, temporary directories and secrets, read-only.
            case hostReadOnly = "host-ro"
            /// The same, writable where the worker's uid may write.
            case hostReadWrite = "host-rw"

            /// Whether the cage's root begins as an empty file system.
            var isEmpty: Bool { self == .minimal || self == .systemReadOnly }
        }
        package var root: Root
        package var read: [PathGrant]
        package var write: [PathGrant]
        /// Absolute paths, paths below `~`, and names of a `HiddenSet`; always wins.
        package var deny: [String]
        package var tmp: Temporary
        package var home: Home
        /// Size of /dev/shm.
        package var shm: ByteSize
        package var dev: Devices
    }

    package struct Temporary: Equatable, Sendable, Codable {
        package var size: ByteSize
        package var exec: Bool
    }

    package struct Home: Equatable, Sendable, Codable {
        package enum Mode: String, Sendable, Codable, CaseIterable {
            /// An empty tmpfs of `size`, gone with the attempt.
            case memory
            /// A directory of the task, kept so that a session can be resumed.
            case `private`
        }
        package var mode: Mode
        package var size: ByteSize?
    }

    package enum Devices: String, Sendable, Codable, CaseIterable {
        case minimal
    }

    package struct Workspace: Equatable, Sendable, Codable {
        /// `review` and `copy` are reserved words.
        package enum Mode: String, Sendable, Codable, CaseIterable {
            /// An empty tmpfs of `size` in its place.
            case scratch
            case readonly
            /// The directory itself, writable but for the protected names.
            case direct
        }
        package var mode: Mode
        /// Names below the workspace, and of a `ProtectedSet`; read-only where they exist.
        package var protect: [String]
        package var size: ByteSize?
    }

    package struct Network: Equatable, Sendable, Codable {
        package enum Mode: String, Sendable, Codable, CaseIterable {
            /// A network namespace with nothing but its own loopback.
            case none
            /// The same, and the gateway's listeners.
            case apiOnly = "api-only"
            /// The host's network.
            case open
        }
        package var mode: Mode
    }

    package struct Credentials: Equatable, Sendable, Codable {
        package enum Provider: String, Sendable, Codable, CaseIterable {
            case none
            /// Added on the host side by the gateway; never inside.
            case gateway
            /// The caller's variables, inherited by all the agent starts.
            case environment = "env"
        }
        package var api: Provider
    }

    package struct Environment: Equatable, Sendable, Codable {
        /// Names, or beginnings of names with a final `*`.
        package var inherit: [String]
        package var set: [String: String]
        /// Absolute directories.
        package var path: [String]
    }

    package struct Syscalls: Equatable, Sendable, Codable {
        package enum Profile: String, Sendable, Codable, CaseIterable {
            /// An allow list; all else is ENOSYS or EPERM.
            case agent
            /// All but the dangerous ones.
            case denyDangerous = "deny-dangerous"
            case off
        }
        /// What becomes of a call that the profile or `deny` names as refused.
        package enum Denied: String, Sendable, Codable, CaseIterable {
            /// The process ends with SIGSYS.
            case kill
            /// EPERM, and a violation in the task's record.
            case report
            /// EPERM.
            case eperm
        }
        package var profile: Profile
        package var allow: [String]
        package var deny: [String]
        package var denied: Denied
    }

    package struct Landlock: Equatable, Sendable, Codable {
        package enum Mode: String, Sendable, Codable, CaseIterable {
            case secondWall = "second-wall"
            case off
        }
        package var mode: Mode
        /// Below it, and with `landlock` in `require`, the task is refused.
        package var minAbi: Int
    }
}

extension Policy.Process {
    /// Attempts that were frozen before there were `on_lost` and `on_stragglers` end as they did then.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        wallTime = try values.decode(Bound<TimeSpan>.self, forKey: .wallTime)
        idleTime = try values.decode(Bound<TimeSpan>.self, forKey: .idleTime)
        killGrace = try values.decode(TimeSpan.self, forKey: .killGrace)
        linger = try values.decode(TimeSpan.self, forKey: .linger)
        nice = try values.decode(Int.self, forKey: .nice)
        oomScoreAdj = try values.decode(Int.self, forKey: .oomScoreAdj)
        nestedSandbox = try values.decode(Bool.self, forKey: .nestedSandbox)
        onLost = try values.decodeIfPresent(OnLost.self, forKey: .onLost) ?? .fail
        onStragglers = try values.decodeIfPresent(OnStragglers.self, forKey: .onStragglers) ?? .succeed
    }
}

/// An extra path of the host that a policy shows.
package struct PathGrant: Equatable, Sendable, Codable {
    /// Absolute, or below `~` (the caller's home).
    package var path: String
    /// Whether a missing one is left out rather than refused.
    package var optional: Bool

    package init(path: String, optional: Bool = false) {
        self.path = path
        self.optional = optional
    }
}
