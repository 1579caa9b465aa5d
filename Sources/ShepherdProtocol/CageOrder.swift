/// The cage of one attempt as a flat list of resolved steps. The supervisor decides, the shepherd only does.
package struct CageOrder: Equatable, Sendable {
    /// `CLONE_NEW*` bits (linux/sched.h).
    package var namespaces: UInt64 = 0
    /// The worker's uid and gid, the same inside the user namespace and outside; never 0.
    package var uid: UInt32 = 0
    package var gid: UInt32 = 0
    package var hostname: Bytes = []
    /// Value of `kernel.pid_max` inside the PID namespace (Linux 6.14; at least 301); 0 leaves it alone.
    package var pidMax: UInt32 = 0
    /// Whether the worker may make user namespaces of its own (nested sandboxes).
    package var nesting = false
    package var mounts: [MountStep] = []
    package var listeners: [ListenerStep] = []
    package var rlimits: [ResourceLimit] = []
    /// -1000…1000, `/proc/PID/oom_score_adj` of the worker.
    package var oomScoreAdjust: Int32 = 0
    /// 0…19.
    package var nice: Int32 = 0
    package var landlock = LandlockOrder()
    /// A classic BPF program (`struct sock_filter[]`, native byte order); empty loads none.
    package var seccomp: Bytes = []
    /// Absolute path of an existing cgroup v2 directory for this attempt; empty for none.
    package var cgroup: Bytes = []
    /// Absolute paths of existing cgroup v1 directories, one for each controller; the cage's init is put into them.
    package var controllers: [Bytes] = []

    package init() {}
}

/// One step in building the worker's file system; targets are absolute paths inside the cage, made where missing if a tmpfs lies below.
package struct MountStep: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// The new root is an empty tmpfs (`size`, `inodes`, `mode`).
        case tmpfsRoot = 1
        /// The new root is the host's root, recursively; `source` "/".
        case hostRoot = 2
        /// `source` of the host appears at `target`.
        case bind = 3
        /// A fresh tmpfs at `target` (`size`, `inodes`, `mode`).
        case tmpfs = 4
        /// An empty directory at `target` (`mode`).
        case directory = 5
        /// A symbolic link at `target` whose text is `source`.
        case symlink = 6
        /// Something that exists at `target` is covered: a directory by an empty, unreadable tmpfs, a file by an unreadable one.
        case hide = 7
        /// A fresh proc file system.
        case proc = 8
        /// null zero full random urandom tty, own devpts and shm (`size`).
        case devices = 9
        /// The mount at `target` becomes read-only (a skeleton tmpfs, once its mount points exist).
        case seal = 10
    }

    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }
        package static let readOnly = Flags(rawValue: 1)
        package static let noExec = Flags(rawValue: 2)
        /// Skipped where the source (bind) or target (hide) does not exist.
        package static let optional = Flags(rawValue: 4)
        /// When the shepherd is root: files of the source's owner appear as the worker's (idmapped mount). Ignored otherwise.
        package static let ownerMapped = Flags(rawValue: 8)
        /// Device nodes stay usable.
        package static let devices = Flags(rawValue: 16)
    }

    package var kind: Kind
    package var flags: Flags
    package var source: Bytes
    package var target: Bytes
    /// Bytes; 0 leaves the kernel's default.
    package var size: UInt64
    package var inodes: UInt64
    package var mode: UInt32

    package init(
        _ kind: Kind, flags: Flags = [], source: Bytes = [], target: Bytes = [], size: UInt64 = 0, inodes: UInt64 = 0,
        mode: UInt32 = 0o755
    ) {
        self.kind = kind
        self.flags = flags
        self.source = source
        self.target = target
        self.size = size
        self.inodes = inodes
        self.mode = mode
    }
}

/// A socket the cage's init makes inside and passes out to the supervisor, in the order of the list.
package struct ListenerStep: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// A unix socket at `path` inside the cage.
        case unix = 1
        /// 127.0.0.1:`port` of the cage's network namespace.
        case loopback4 = 2
        /// [::1]:`port`; left out where IPv6 is missing.
        case loopback6 = 3
    }
    package var kind: Kind
    package var port: UInt16
    package var path: Bytes

    package init(_ kind: Kind, port: UInt16 = 0, path: Bytes = []) {
        self.kind = kind
        self.port = port
        self.path = path
    }
}

/// One `setrlimit`; `UInt64.max` is RLIM_INFINITY.
package struct ResourceLimit: Equatable, Sendable {
    /// `RLIMIT_*` of this machine.
    package var resource: UInt32
    package var soft: UInt64
    package var hard: UInt64

    package init(resource: UInt32, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}

/// A Landlock domain (linux/landlock.h); all masks 0 means none.
package struct LandlockOrder: Equatable, Sendable {
    package var handledFiles: UInt64 = 0
    package var handledNetwork: UInt64 = 0
    package var scoped: UInt64 = 0
    package var rules: [LandlockRule] = []

    package init() {}
}

/// What is allowed beneath one path of the cage; a path that does not exist is skipped.
package struct LandlockRule: Equatable, Sendable {
    package var path: Bytes
    package var rights: UInt64

    package init(path: Bytes, rights: UInt64) {
        self.path = path
        self.rights = rights
    }
}
