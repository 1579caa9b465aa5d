/// What a stream of an agent told about its run; every field is absent when it was not told.
package struct AgentSummary: Equatable, Sendable {
    package struct Result: Equatable, Sendable {
        /// The final text; for an error without one, its messages, one a line.
        package var text: String
        package var isError: Bool

        package init(text: String, isError: Bool) {
            self.text = text
            self.isError = isError
        }
    }

    package var sessionID: String?
    package var model: String?
    package var result: Result?
    package var subtype: String?
    package var terminalReason: String?
    /// The status of the API's answer that ended the run.
    package var apiErrorStatus: Int?
    package var usage: AgentUsage?
    package var turns: Int?
    /// Names of tools whose use was denied, in order.
    package var permissionDenials: [String] = []
    /// Lines of type `result` seen; the last one counts.
    package var results = 0
    /// Lines that were not UTF-8, not JSON, or not an object.
    package var invalidLines = 0
    /// Lines above the bound, skipped without being looked at.
    package var oversizedLines = 0

    package init() {}
}

/// Tokens and money as the agent itself counts them; the gateway's own count is the one that limits.
///
/// - Note: Claude counts `modelUsage` and the cost over the whole session. For a resumed one subtract the earlier run's.
package struct AgentUsage: Equatable, Sendable {
    package var inputTokens: Int
    package var outputTokens: Int
    package var cacheReadTokens: Int
    package var cacheWriteTokens: Int
    package var costUsd: Double?

    package init(
        inputTokens: Int = 0, outputTokens: Int = 0, cacheReadTokens: Int = 0, cacheWriteTokens: Int = 0,
        costUsd: Double? = nil
    ) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cacheReadTokens = cacheReadTokens
        self.cacheWriteTokens = cacheWriteTokens
        self.costUsd = costUsd
    }

    /// This run's share of a session whose earlier runs counted `earlier`; never below 0.
    package func since(_ earlier: AgentUsage) -> AgentUsage {
        AgentUsage(
            inputTokens: max(0, inputTokens - earlier.inputTokens),
            outputTokens: max(0, outputTokens - earlier.outputTokens),
            cacheReadTokens: max(0, cacheReadTokens - earlier.cacheReadTokens),
            cacheWriteTokens: max(0, cacheWriteTokens - earlier.cacheWriteTokens),
            costUsd: costUsd.map { max(0, $0 - (earlier.costUsd ?? 0)) })
    }
}
