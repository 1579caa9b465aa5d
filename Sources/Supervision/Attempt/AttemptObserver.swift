package import Agents
package import OutputLog

/// What whoever runs an attempt wants to see of it.
package struct AttemptObserver: Sendable {
    /// Each run of output in order; returns false when its reader is gone. nil leaves it in the log.
    package var onOutput: (@Sendable (OutputPiece) -> Bool)?
    package var onStep: (@Sendable (AgentStep) -> Void)?
    /// Whether the worker waits for the reader instead of losing what the caps drop.
    package var paced: Bool
    /// A sentence for the user: the gateway refused something, a credential is missing.
    package var onNotice: (@Sendable (String) -> Void)?

    /// The agent was exec'ed.
    var onStarted: (@Sendable () -> Void)?
    /// Bytes that its processes hold together, about once a second.
    var onMemory: (@Sendable (Int64) -> Void)?

    package init(
        onOutput: (@Sendable (OutputPiece) -> Bool)? = nil, onStep: (@Sendable (AgentStep) -> Void)? = nil,
        paced: Bool = false, onNotice: (@Sendable (String) -> Void)? = nil
    ) {
        self.onOutput = onOutput
        self.onStep = onStep
        self.paced = paced
        self.onNotice = onNotice
    }
}
