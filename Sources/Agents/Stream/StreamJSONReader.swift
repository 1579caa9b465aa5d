import FoundationEssentials

/// Follows an agent's stream-json as it comes, in pieces of any size.
///
/// Nothing in the stream can make it fail: a line that cannot be read is counted. Memory is bounded by the longest line it accepts.
package struct StreamJSONReader {
    /// Bytes; tool results of several MiB on one line are ordinary, this many are not.
    package static let longestLine = 64 << 20

    package private(set) var summary = AgentSummary()
    private var splitter: LineSplitter

    package init(longestLine: Int = longestLine) {
        splitter = LineSplitter(longest: longestLine)
    }

    /// - Returns: the steps that became complete with these bytes.
    package mutating func feed(_ bytes: [UInt8]) -> [AgentStep] {
        var lines: [[UInt8]] = []
        splitter.feed(bytes) { lines.append($0) }
        return read(lines)
    }

    /// Bytes of the stream are not kept here: the line that was being read, up to the next newline, counts as oversized.
    package mutating func skipGap() { splitter.skipGap() }

    /// The stream has ended: a last line without a newline counts.
    package mutating func finish() -> [AgentStep] {
        var lines: [[UInt8]] = []
        splitter.finish { lines.append($0) }
        return read(lines)
    }

    private mutating func read(_ lines: [[UInt8]]) -> [AgentStep] {
        summary.oversizedLines = splitter.oversized
        return lines.flatMap { read($0) }
    }

    private mutating func read(_ bytes: [UInt8]) -> [AgentStep] {
        guard String(validating: bytes, as: UTF8.self) != nil,
            let line = try? JSONDecoder().decode(StreamLine.self, from: Data(bytes))
        else {
            summary.invalidLines += 1
            return []
        }
        if let sessionID = line.sessionID { summary.sessionID = sessionID }
        switch line.type {
        case "system": return system(line)
        case "assistant": return (line.message?.content ?? []).compactMap { $0.value }.compactMap(Self.assistantStep)
        case "user": return (line.message?.content ?? []).compactMap { $0.value }.compactMap(Self.userStep)
        case "result": return [result(line)]
        default: return []
        }
    }

    private mutating func system(_ line: StreamLine) -> [AgentStep] {
        switch line.subtype {
        case "init":
            summary.model = line.model ?? summary.model
            return [.initialised(model: line.model)]
        case "api_retry":
            return [
                .retry(
                    attempt: line.attempt ?? 1, of: line.maxRetries,
                    delayMs: line.retryDelayMs.flatMap { Int(exactly: $0.rounded()) }, status: line.errorStatus)
            ]
        default: return []
        }
    }

    private static func assistantStep(_ block: StreamLine.ContentBlock) -> AgentStep? {
        switch block.type {
        case "text": block.text.map { .text($0) }
        case "tool_use": .toolUse(name: block.name ?? "a tool", summary: block.input?.summary ?? "")
        default: nil
        }
    }

    private static func userStep(_ block: StreamLine.ContentBlock) -> AgentStep? {
        guard block.type == "tool_result" else { return nil }
        return .toolResult(isError: block.isError ?? false, firstLine: PlainText.firstLine(block.content ?? ""))
    }

    /// The last result stands for the run: whatever an earlier one said is forgotten, save what only it told.
    private mutating func result(_ line: StreamLine) -> AgentStep {
        let isError = line.isError ?? (line.subtype != "success")
        summary.results += 1
        summary.result = AgentSummary.Result(
            text: line.result ?? line.errors?.joined(separator: "\n") ?? "", isError: isError)
        summary.subtype = line.subtype
        summary.terminalReason = line.terminalReason
        summary.apiErrorStatus = line.apiErrorStatus
        summary.turns = line.turns ?? summary.turns
        summary.permissionDenials = (line.permissionDenials ?? []).compactMap { $0.value?.tool }
        summary.usage = usage(line) ?? summary.usage
        return .result(isError: isError, subtype: line.subtype)
    }

    /// `usage` was seen to miss the last answer; `modelUsage` was not.
    private func usage(_ line: StreamLine) -> AgentUsage? {
        let models = (line.modelUsage ?? [:]).values.map(\.usage)
        var usage = models.isEmpty ? line.usage?.usage : models.reduce(AgentUsage()) { $0.adding($1) }
        if let cost = line.costUsd, cost.isFinite, cost >= 0 {
            usage = usage ?? AgentUsage()
            usage?.costUsd = cost
        }
        return usage
    }
}

extension AgentUsage {
    /// Tokens only; counts that would overflow stay at the largest number.
    fileprivate func adding(_ other: AgentUsage) -> AgentUsage {
        func sum(_ one: Int, _ two: Int) -> Int {
            let (sum, overflow) = one.addingReportingOverflow(two)
            return overflow ? .max : sum
        }
        return AgentUsage(
            inputTokens: sum(inputTokens, other.inputTokens), outputTokens: sum(outputTokens, other.outputTokens),
            cacheReadTokens: sum(cacheReadTokens, other.cacheReadTokens),
            cacheWriteTokens: sum(cacheWriteTokens, other.cacheWriteTokens))
    }
}
