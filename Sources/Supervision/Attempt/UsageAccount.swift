import Agents
import Gateway
import Store

/// What a task has used of its model: tokens as the gateway saw them on the wire, turns and money as the agent counts them.
enum UsageAccount {
    /// - Parameter earlierCost: US dollars that earlier tasks of the same session have cost: Claude counts over all of it.
    /// - Returns: nil where nobody counted anything.
    static func of(metered: GatewayUsage?, told summary: AgentSummary?, earlierCost: Double) -> ModelUsage? {
        var usage = ModelUsage()
        if let metered, metered.requests > 0 {
            usage.inputTokens = Int64(metered.tokens.inputTokens)
            usage.outputTokens = Int64(metered.tokens.outputTokens)
            usage.cacheReadTokens = Int64(metered.tokens.cacheReadTokens)
            usage.cacheWriteTokens = Int64(metered.tokens.cacheWriteTokens)
            usage.requests = Int64(metered.requests)
        } else if let told = summary?.usage {
            usage.inputTokens = Int64(told.inputTokens)
            usage.outputTokens = Int64(told.outputTokens)
            usage.cacheReadTokens = Int64(told.cacheReadTokens)
            usage.cacheWriteTokens = Int64(told.cacheWriteTokens)
        }
        usage.costUsd = summary?.usage?.costUsd.map { max(0, $0 - earlierCost) }
        usage.turns = summary?.turns.map(Int64.init)
        return usage == ModelUsage() ? nil : usage
    }
}

extension Store {
    /// US dollars that the tasks before this one in its session have cost.
    func earlierCost(of spec: TaskSpec) throws(StoreError) -> Double {
        var cost = 0.0
        var next = spec.resumes
        while let id = next, let record = try record(id) {
            cost += record.usage?.costUsd ?? 0
            next = record.resumes
        }
        return cost
    }
}
