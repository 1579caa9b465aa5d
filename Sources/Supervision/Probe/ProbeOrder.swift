import CCage
import Glibc
import Policy
import ShepherdProtocol
import Store

/// What the probes order.
enum ProbeOrder {
    /// `CLONE_NEW*` (linux/sched.h), the user namespace first because the others need it.
    static let namespaces: [(layer: Layer, flag: UInt64)] = [
        (.userNamespace, 0x1000_0000), (.pidNamespace, 0x2000_0000), (.mountNamespace, 0x2_0000),
        (.networkNamespace, 0x4000_0000), (.ipcNamespace, 0x0800_0000), (.utsNamespace, 0x0400_0000),
        (.cgroupNamespace, 0x0200_0000),
    ]

    /// The cage of the built-in policy `strict`, as a task would have it.
    static func cage(shepherd: String, directory: String) throws(PolicyError) -> CageOrder {
        let policy = try PolicyLibrary(directories: []).load("strict").policy
        return try CageCompiler().compile(
            policy, for: request(shepherd: shepherd, directory: directory), host: HostFacts.current(home: nil))
    }

    /// A workspace and a home below `directory`, which are made here.
    static func request(shepherd: String, directory: String) -> CageRequest {
        for name in ["workspace", "home"] { mkdir("\(directory)/\(name)", 0o700) }
        for name in ["passwd", "group"] {
            let file = open("\(directory)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            if file >= 0 { close(file) }
        }
        let identity = WorkerIdentity.of(task: TaskID.random(), workspace: "\(directory)/workspace")
        return CageRequest(
            workspace: "\(directory)/workspace", home: "\(directory)/home", passwd: "\(directory)/passwd",
            group: "\(directory)/group", workerUid: identity.uid, workerGid: identity.gid,
            stateDirectory: "\(directory)/state", programs: [shepherd])
    }

    /// One namespace, in a user namespace, with nothing in it.
    static func single(_ layer: Layer, of whole: CageOrder, alone: Bool) -> CageOrder {
        var order = CageOrder()
        order.uid = whole.uid
        order.gid = whole.gid
        order.hostname = whole.hostname
        order.nesting = true
        for space in namespaces where space.layer == layer || (space.layer == .userNamespace && !alone) {
            order.namespaces |= space.flag
        }
        return order
    }

    /// Hands fcntl(2) to the listener, which refuses it, and allows all else: the first thing a shepherd does is to mark its
    /// descriptors with it. In the form of `struct sock_filter` (linux/filter.h).
    static var tellTale: Bytes {
        let load: (UInt16, UInt8, UInt8, UInt32) = (0x20, 0, 0, 0)
        let isControl: (UInt16, UInt8, UInt8, UInt32) = (0x15, 0, 1, UInt32(CAGE_CALL_FCNTL))
        let tell: (UInt16, UInt8, UInt8, UInt32) = (0x06, 0, 0, 0x7fc0_0000)
        let allow: (UInt16, UInt8, UInt8, UInt32) = (0x06, 0, 0, 0x7fff_0000)
        return [load, isControl, tell, allow].flatMap { code, yes, no, value in
            withUnsafeBytes(of: code) { Bytes($0) } + [yes, no] + withUnsafeBytes(of: value) { Bytes($0) }
        }
    }

    /// What is left without a cage: limits, the filter, Landlock.
    static func plain(of whole: CageOrder) -> CageOrder {
        var order = CageOrder()
        order.uid = whole.uid
        order.gid = whole.gid
        order.rlimits = whole.rlimits.filter { $0.resource != UInt32(__RLIMIT_NPROC.rawValue) }
        order.seccomp = whole.seccomp
        order.landlock.handledFiles = whole.landlock.handledFiles
        order.landlock.scoped = whole.landlock.scoped
        // Read and execute (linux/landlock.h), everywhere: whether rules can be set is the question, not which.
        order.landlock.rules = [LandlockRule(path: [UInt8(ascii: "/")], rights: 0b1101)]
        return order
    }
}
