/// Tokens as the API counts them.
package struct TokenCounts: Sendable, Equatable {
    package var inputTokens = 0
    package var outputTokens = 0
    package var cacheReadTokens = 0
    package var cacheWriteTokens = 0

    package init(inputTokens: Int = 0, outputTokens: Int = 0, cacheReadTokens: Int = 0, cacheWriteTokens: Int = 0) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.cacheReadTokens = cacheReadTokens
        self.cacheWriteTokens = cacheWriteTokens
    }

    static func + (a: TokenCounts, b: TokenCounts) -> TokenCounts { a.combined(b, &+) }
    static func - (a: TokenCounts, b: TokenCounts) -> TokenCounts { a.combined(b, &-) }

    private func combined(_ other: TokenCounts, _ apply: (Int, Int) -> Int) -> TokenCounts {
        TokenCounts(
            inputTokens: apply(inputTokens, other.inputTokens),
            outputTokens: apply(outputTokens, other.outputTokens),
            cacheReadTokens: apply(cacheReadTokens, other.cacheReadTokens),
            cacheWriteTokens: apply(cacheWriteTokens, other.cacheWriteTokens))
    }
}

/// What one task has spent, up to the last byte that passed.
///
/// Tokens are added while an answer streams, so an answer that is cut counts with what was announced before the cut.
package struct GatewayUsage: Sendable, Equatable {
    package var tokens = TokenCounts()
    /// Requests that were forwarded, answered or not.
    package var requests = 0
    /// Complete, successful answers of `/v1/messages`.
    package var turns = 0
    /// Requests and connections that the gateway refused itself.
    package var refused = 0
    /// Forwarded requests that the upstream did not answer to the end.
    package var failed = 0
    /// Tokens by the model that the answers name; at most `modelLimit` names, the rest under "other".
    package var models: [String: TokenCounts] = [:]

    static let modelLimit = 64

    package init() {}

    mutating func add(_ spent: TokenCounts, model: String) {
        tokens = tokens + spent
        let name = models[model] != nil || models.count < Self.modelLimit ? model : "other"
        models[name, default: TokenCounts()] = models[name, default: TokenCounts()] + spent
    }
}
