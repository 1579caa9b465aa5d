/// The right to run one attempt. Whoever holds the fence of an attempt that has not ended may write about it; nobody else.
package struct Claim: Hashable, Sendable {
    package let taskID: TaskID
    /// 1 for the first.
    package let attempt: Int
    /// From a sequence that never repeats within a database.
    package let fence: Int64
    /// 16 random bytes, also in the worker's environment, by which its processes can be found.
    package let nonce: [UInt8]

    package init(taskID: TaskID, attempt: Int, fence: Int64, nonce: [UInt8]) {
        self.taskID = taskID
        self.attempt = attempt
        self.fence = fence
        self.nonce = nonce
    }
}

/// A file of the workspace, and the fields of the policy that it made stricter.
package struct TighteningFile: Codable, Equatable, Sendable {
    package var file: String
    package var fields: [String]

    package init(file: String, fields: [String]) {
        self.file = file
        self.fields = fields
    }
}

/// What an attempt runs with, decided before it is claimed and never changed by a later reload.
package struct FrozenAttempt: Codable, Equatable, Sendable {
    package var policyName: String
    /// `sha256:…` of the policy in its canonical form.
    package var policyDigest: String
    /// The whole effective policy, canonical JSON.
    package var policyJSON: String
    /// `kernel`, `cgroup` or `bestEffort`.
    package var containment: String
    package var layers: [String]
    package var degraded: [String]
    /// The workspace's own file, where it made the policy stricter.
    package var tightenedBy: TighteningFile?
    /// Limits in force, under the names the record uses.
    package var limits: [String: JSONValue]
    package var argv: [String]
    package var environmentNames: [String]
    /// How the agent's stdout is read; nil for a plain command.
    package var resultFormat: String?
    /// The cgroup directories of the attempt, absolute; nil for none.
    package var cgroups: [String]?

    package init(
        policyName: String, policyDigest: String, policyJSON: String, containment: String, layers: [String],
        degraded: [String], limits: [String: JSONValue], argv: [String], environmentNames: [String],
        resultFormat: String? = nil
    ) {
        self.policyName = policyName
        self.policyDigest = policyDigest
        self.policyJSON = policyJSON
        self.containment = containment
        self.layers = layers
        self.degraded = degraded
        self.limits = limits
        self.argv = argv
        self.environmentNames = environmentNames
        self.resultFormat = resultFormat
    }
}
