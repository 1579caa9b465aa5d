import MCP
import OutputLog
import Policy
import ShepherdProtocol
import Store
import Supervision

/// What came of a task, for whoever delegated it.
extension Delegation {
    /// Bytes of its text where nobody has said how many: the rest can be had.
    static let briefText = 8 << 10

    /// Of one that has not ended, how it stands.
    func outcome(_ record: TaskRecord, most: Int, _ store: Store) throws -> ToolResult {
        var outcome = TaskView.summary(record)
        let told = try text(of: record, most: most, store)
        outcome["text"] = told.map { .string($0.text) }
        outcome["textIsCut"] = told.map { .bool($0.isCut) }
        let isError = record.state.isTerminal && record.state != .succeeded
        outcome["isError"] = .bool(isError)
        outcome["exit"] = try Self.json(record.exit)
        outcome["output"] = try Self.json(record.output)
        outcome["resourcesUsed"] = try Self.json(record.resources)
        outcome["usage"] = try Self.json(record.usage)
        outcome["violations"] = try Self.json(record.violations)
        outcome["sessionId"] = record.sessionId.map(JSON.string)
        return ToolResult(structured: outcome, links: TaskView.links(record), isError: isError)
    }

    /// The task as the Tasks extension has it: a delegation that failed is completed, with a result that says so.
    func snapshot(_ record: TaskRecord, _ store: Store) throws -> TaskSnapshot {
        let status: TaskSnapshot.Status =
            switch record.state {
            case .queued, .blocked, .starting, .running, .stopping: .working
            case .cancelled: .cancelled
            case .succeeded, .failed, .timedOut, .refused, .lost:
                .completed(try outcome(record, most: Self.briefText, store))
            }
        let reason = record.reason.map { ": " + Clean.line($0.message) } ?? ""
        return TaskSnapshot(
            id: record.taskId.text, status: status,
            message: Clean.prefix(record.state.rawValue + reason, bytes: 200).text, createdAt: record.createdAt.rfc3339,
            lastUpdatedAt: (record.endedAt ?? record.startedAt ?? record.createdAt).rfc3339,
            keptFor: retention, pollInterval: TaskView.pollInterval(record))
    }

    /// Milliseconds from the end of a task; nil without a bound, and while the configuration cannot be read, for how a task stands is
    /// told all the same.
    private var retention: Int64? {
        guard let retention = try? caller().configuration.queue.retention else { return nil }
        return retention.value.map { Int64(clamping: $0.milliseconds) }
    }

    /// What the agent said last; of a command, the end of what it wrote.
    private func text(of record: TaskRecord, most: Int, _ store: Store) throws -> (text: String, isCut: Bool)? {
        if let said = record.result?.text { return Clean.prefix(Clean.text(said), bytes: most) }
        guard record.state.isTerminal, let attempt = record.attempt,
            let output = try TaskOutput(record.taskId, attempt: attempt, store)
        else { return nil }
        let page = try output.end(200, [.stdout], most: most, hasEnded: true)
        guard !page.lines.isEmpty else { return nil }
        return (page.lines.map(\.text).joined(separator: "\n"), page.isCut || !page.isAtEnd)
    }

    private static func json(_ value: (some Encodable)?) throws -> JSON? {
        guard let value else { return nil }
        return try JSONText.decode(JSONValue.self, from: JSONText.encode(value)).message
    }
}
