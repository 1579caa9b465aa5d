import MCP
import Policy
import ShepherdProtocol
import Store

/// What clients can read by a name, and be told of when it changes.
extension Delegation {
    /// Milliseconds for which what cannot change any more may be kept.
    private static let settled: Int64 = 3_600_000
    /// Bytes of a page of a log.
    private static let page = 256 << 10

    var resources: Resources {
        Resources(
            list: { [self] _ in
                var found = [
                    Resource(
                        uri: TaskURI.policy, name: "policy", title: "What is allowed",
                        description: "Ceiling, roots, policies and limits of delegated tasks",
                        mimeType: "application/json"),
                    Resource(
                        uri: TaskURI.tasks, name: "tasks", title: "Tasks",
                        description: "The last fifty delegated tasks, newest first", mimeType: "application/json"),
                ]
                for record in (try? latest(10)) ?? [] {
                    found.append(
                        Resource(
                            uri: TaskURI.task(record.taskId), name: record.taskId.text, title: TaskView.title(record),
                            description: "A delegated task: \(record.state.rawValue)", mimeType: "application/json"))
                }
                return found
            }, templates: Self.templates,
            read: { [self] uri, _ in
                do {
                    return try contents(uri)
                } catch {
                    guard let failure = ToolFailure(error) else { throw error }
                    if failure.code == ToolFailure.unknownTask.code { return nil }
                    throw ResponseError(.internal, "[\(failure.code)] \(failure.message)")
                }
            })
    }

    private static let templates = [
        ResourceTemplate(
            uriTemplate: "claudine://task/{taskId}", name: "task", title: "Task", description: "Where a task stands",
            mimeType: "application/json"),
        ResourceTemplate(
            uriTemplate: "claudine://task/{taskId}/log{?stream,cursor}", name: "log", title: "Log",
            description: "What it has written, from the beginning or a cursor; the last line says how to go on",
            mimeType: "text/plain"),
        ResourceTemplate(
            uriTemplate: "claudine://task/{taskId}/result", name: "result", title: "Result",
            description: "What came of it", mimeType: "application/json"),
        ResourceTemplate(
            uriTemplate: "claudine://task/{taskId}/prompt", name: "prompt", title: "Prompt",
            description: "What it was asked to do", mimeType: "text/plain"),
    ]

    private func latest(_ count: Int) throws -> [TaskRecord] {
        try store().list(TaskFilter(limit: count, client: client)).filter(isVisible)
    }

    private func contents(_ uri: String) throws -> ResourceOutcome? {
        func json(_ value: JSON, freshFor: Int64) -> ResourceOutcome {
            .contents([ResourceContents(uri: uri, mimeType: "application/json", .text(value.text))], freshFor: freshFor)
        }
        func text(_ value: String, freshFor: Int64) -> ResourceOutcome {
            .contents([ResourceContents(uri: uri, mimeType: "text/plain", .text(value))], freshFor: freshFor)
        }
        if uri == TaskURI.policy { return json(try policyDescription(), freshFor: 0) }
        if uri == TaskURI.tasks { return json(["tasks": .array(try latest(50).map(TaskView.summary))], freshFor: 0) }
        guard let (id, part, query) = TaskURI.parse(uri) else { return nil }
        let store = try store()
        let record = try record(id, in: store)
        let freshFor = record.state.isTerminal ? Self.settled : 0
        switch part {
        case nil: return json(TaskView.summary(record), freshFor: freshFor)
        case .prompt: return text(Clean.text(record.prompt ?? ""), freshFor: Self.settled)
        case .result:
            let result = try outcome(record, most: Self.page, store)
            return json(result.structured ?? [:], freshFor: freshFor)
        case .log:
            guard let log = try log(record, query, store) else { return nil }
            return text(log, freshFor: freshFor)
        }
    }

    /// Nil for a query that there is not.
    private func log(_ record: TaskRecord, _ query: [String: String], _ store: Store) throws -> String? {
        var streams: [OutputStream] = [.stdout, .stderr]
        var place: OutputPlace?
        for (key, value) in query {
            switch (key, value) {
            case ("stream", "stdout"): streams = [.stdout]
            case ("stream", "stderr"): streams = [.stderr]
            case ("stream", "all"): break
            case ("cursor", _):
                guard let known = OutputPlace(value) else { return nil }
                place = known
            default: return nil
            }
        }
        guard let number = place?.attempt ?? record.attempt, number <= record.attempt ?? 0,
            let output = try TaskOutput(record.taskId, attempt: number, store)
        else { return "" }
        let page = try output.page(
            from: place ?? OutputPlace(attempt: number), streams, most: Self.page,
            hasEnded: record.state.isTerminal || number < record.attempt ?? 0)
        var lines = page.lines.map(\.text)
        if !page.isAtEnd { lines.append("[claudine: there is more: cursor=\(page.next.text)]") }
        return lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
    }
}
