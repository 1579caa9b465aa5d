package import Agents
package import Gateway
package import Policy
package import ShepherdProtocol
package import Store

/// Everything one attempt needs, decided before anything has an effect.
package struct PreparedAttempt: Sendable {
    package var taskID: TaskID
    package var spec: TaskSpec
    package var frozen: FrozenAttempt
    /// Fence and nonce are still missing: they come with the claim.
    package var order: StartOrder
    package var policy: Policy
    var cgroups: Cgroups
    /// Protected names of the workspace that no mount keeps read-only.
    var unguardedNames: [String]
    /// nil for a plain command.
    package var format: AgentDefinition.ResultFormat?
    package var standardInput: StandardInput
    /// Files of the attempt's directory by their path in it, and their permissions.
    package var files: [AttemptFile]
    /// nil when the policy leaves the agent without one.
    package var gateway: GatewayConfiguration?

    /// The sentence for whoever runs a task that is held less firmly than its policy wants; nil where it is not.
    var degradation: String? {
        guard !frozen.degraded.isEmpty else { return nil }
        let level = order.cage.namespaces == 0 ? "without a cage" : "in a weaker cage"
        return "warning: policy '\(policy.name)' runs \(level) here (\(frozen.containment)), missing "
            + "\(frozen.degraded.joined(separator: ", ")); claudine doctor shows the fix"
    }

    /// What the workspace's own file made stricter; nil where there is none.
    var tightened: WorkspaceFile.Tightened?

    /// The sentence about it for whoever runs the task.
    var tightening: String? {
        guard let tightened, !tightened.changes.isEmpty else { return nil }
        // What only follows from another field has no words of its own.
        let changes = tightened.changes.filter { $0.before != $0.after }.map {
            "\($0.key) (\(Self.short($0.before.isEmpty ? "none" : $0.before)) to \(Self.short($0.after)))"
        }
        return "\(tightened.file) tightens policy '\(policy.name)': \(changes.joined(separator: ", "))"
    }

    /// The file is the workspace's, and may name a thousand paths; all of them are in `policy show --for`.
    private static func short(_ value: String) -> String {
        value.count <= 80 ? value : value.prefix(79) + "…"
    }

    package enum StandardInput: Sendable, Equatable {
        case none
        case bytes([UInt8])
        /// Copied for each attempt: a worker of our own user could write to what it reads.
        case file(String)
        /// A descriptor of ours, read by the worker as it is.
        case descriptor(Int32)
    }

    package struct AttemptFile: Sendable, Equatable {
        package var path: String
        package var bytes: [UInt8]
        package var mode: UInt32

        package init(path: String, bytes: [UInt8], mode: UInt32) {
            self.path = path
            self.bytes = bytes
            self.mode = mode
        }
    }
}
