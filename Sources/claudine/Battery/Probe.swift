import Foundation

/// One attack of the battery, as `claudine-battery --list --json` describes it.
struct Probe: Decodable {
    enum Control: String, Decodable {
        /// Nowhere is it safe to let it succeed.
        case none = ""
        case bare
        case root
        case namespaces
    }

    var name: String
    /// Row of the attack table in the design study.
    var row: String
    var topic: String
    var tries: String
    /// Mechanisms each of which stops it alone, the first to meet first.
    var walls: [Wall]
    var control: Control
    /// `denied ENOSYS|killed SYS`: the only answers that count as refusal; nil where any will do.
    var answers: String?
    /// Of the host, with `@KEY` for what the ground says; nil where it looks at none.
    var path: String?
    var writes: Bool?
    /// Number and six arguments of the call that it makes.
    var call: [UInt64]?
    /// Fills its cage, so that nothing else can be tried with it.
    var alone: Bool

    struct Table: Decodable {
        var probes: [Probe]
    }

    /// Whether this answer is a refusal.
    func isRefusal(_ answer: String) -> Bool {
        if let answers { return answers.split(separator: "|").contains { $0 == answer } }
        return answer.hasPrefix("denied ") || answer.hasPrefix("killed ")
    }
}

/// A mechanism that stops attacks, in the words of the battery's table.
enum Wall: String, Codable {
    case userNamespace = "userns"
    case pidNamespace = "pidns"
    case mountNamespace = "mountns"
    case networkNamespace = "netns"
    case ipcNamespace = "ipcns"
    case capabilities = "caps"
    case noNewPrivileges = "nnp"
    case resourceLimits = "rlimits"
    /// Too small a bound for what the probe needs: open files, bytes of a file, locked memory.
    case openFiles = "nofile"
    case fileSize = "fsize"
    case lockedMemory = "memlock"
    case processCap = "pids"
    /// The filter, asked about the very call that the probe makes.
    case seccomp
    /// That there is a filter at all.
    case filter
    /// A Landlock domain, which keeps a process from what lies outside it.
    case landlock
    /// Landlock's scopes of signals and abstract sockets.
    case scope
    /// No namespaces of the agent's own.
    case noNesting = "nonesting"
    /// Which files of the host are shown, and how.
    case view
    /// The same by mounts alone: Landlock has no rule for times, modes and unix sockets (landlock(7)).
    case mounts
    /// Protected names of the workspace.
    case protect
    case readOnlyWorkspace = "wsreadonly"
    case readOnlyRoot = "readonly"
    /// A /dev of the cage's own.
    case devices
    /// The bound on file watchers.
    case watchers
    /// The worker is not uid 0 of the host.
    case uid
    /// A session without the caller's terminal.
    case session
    case environment
    case descriptors
    case gateway
    /// The shepherd's own search for what is left.
    case sweep
    /// The kernel refuses it to everybody.
    case kernel
    /// Ordinary permissions: nothing of the cage was needed.
    case permissions

    var words: String {
        switch self {
        case .userNamespace: "user namespace"
        case .pidNamespace: "PID namespace"
        case .mountNamespace, .view, .mounts: "mounts"
        case .networkNamespace: "network namespace"
        case .ipcNamespace: "IPC namespace"
        case .capabilities: "no capabilities"
        case .noNewPrivileges: "no_new_privs"
        case .resourceLimits, .openFiles, .fileSize, .lockedMemory: "resource limits"
        case .processCap: "process limit"
        case .seccomp, .filter: "system call filter"
        case .landlock, .scope: "Landlock"
        case .noNesting: "no namespaces inside"
        case .protect: "protected names"
        case .readOnlyWorkspace: "read-only workspace"
        case .readOnlyRoot: "read-only root"
        case .devices: "own /dev"
        case .watchers: "watcher limit"
        case .uid: "not root"
        case .session: "own session"
        case .environment: "own environment"
        case .descriptors: "closed descriptors"
        case .gateway: "gateway"
        case .sweep: "shepherd's sweep"
        case .kernel: "kernel"
        case .permissions: "ordinary permissions"
        }
    }
}
