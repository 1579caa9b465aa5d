package import ShepherdProtocol

/// A mechanism of the cage, named as in a policy's `require`.
package enum Layer: String, Sendable, Codable, CaseIterable {
    case userNamespace = "userns"
    case pidNamespace = "pidns"
    case mountNamespace = "mountns"
    case networkNamespace = "netns"
    case ipcNamespace = "ipcns"
    case utsNamespace = "utsns"
    case cgroupNamespace = "cgroupns"
    case noCapabilities = "caps"
    case noNewPrivileges = "nnp"
    case seccomp
    case landlock
    case processCap = "pids"
    case resourceLimits = "rlimits"
    /// The listener that hears of denied system calls; without one they are refused all the same, but not reported.
    case notification = "notify"

    /// The name in the task record (`policy.layers`).
    package var recordName: String {
        switch self {
        case .userNamespace: "userNamespace"
        case .pidNamespace: "pidNamespace"
        case .mountNamespace: "mountNamespace"
        case .networkNamespace: "networkNamespace"
        case .ipcNamespace: "ipcNamespace"
        case .utsNamespace: "utsNamespace"
        case .cgroupNamespace: "cgroupNamespace"
        case .noCapabilities: "noCapabilities"
        case .noNewPrivileges: "noNewPrivileges"
        case .seccomp: "seccomp"
        case .landlock: "landlock"
        case .processCap: "processCap"
        case .resourceLimits: "resourceLimits"
        case .notification: "notification"
        }
    }
}

extension CageOrder {
    /// The layers this order asks for; the shepherd's receipt says whether they are in force.
    package var layers: [Layer] {
        Layer.allCases.filter { layer in
            switch layer {
            case .userNamespace: namespaces & CloneFlags.user != 0
            case .pidNamespace: namespaces & CloneFlags.pid != 0
            case .mountNamespace: namespaces & CloneFlags.mount != 0
            case .networkNamespace: namespaces & CloneFlags.network != 0
            case .ipcNamespace: namespaces & CloneFlags.ipc != 0
            case .utsNamespace: namespaces & CloneFlags.uts != 0
            case .cgroupNamespace: namespaces & CloneFlags.cgroup != 0
            case .noCapabilities, .noNewPrivileges: true
            case .seccomp: !seccomp.isEmpty
            case .landlock: landlock.handledFiles | landlock.handledNetwork | landlock.scoped != 0
            case .processCap: rlimits.contains { $0.resource == ResourceName.processes } || pidMax != 0
            case .resourceLimits: !rlimits.isEmpty
            case .notification: false
            }
        }
    }
}
