/// What a client may have done, as the operator has decided it when the door was opened. It is frozen into each of its tasks, and
/// holds again when one is claimed.
package struct Grant: Codable, Equatable, Sendable {
    /// The policy than which none of its tasks may be wider.
    package var policy: String
    /// Directories, absolute and canonical, in or below which its tasks work.
    package var roots: [String]
    /// Tasks of this client that run at a time.
    package var running: Int?

    package init(policy: String, roots: [String], running: Int? = nil) {
        self.policy = policy
        self.roots = roots
        self.running = running
    }
}
