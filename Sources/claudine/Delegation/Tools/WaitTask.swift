import MCP
import Store

extension Delegation {
    private enum Until: String, CaseIterable {
        case any, all
    }

    var waitTask: Tool {
        tool(
            "WaitTask", "Wait for tasks",
            """
            Wait until delegated tasks have ended, at most 50 seconds: then call it again, or do something else. Use this instead \
            of sleeping or of asking for the status again and again. Cancelling the call does not cancel the tasks.
            """,
            input: Schema.object(
                [
                    "taskIds": Schema.list("The tasks", of: Schema.task("A task's id"), most: 16),
                    "until": Schema.choice("One of them has ended, or all (default)", Until.allCases.map(\.rawValue)),
                    "timeoutSeconds": Schema.integer("How long to wait at most (default 25)", 1...50),
                ], required: ["taskIds"]),
            output: [
                "type": "object",
                "properties": [
                    "tasks": Schema.list("The tasks as they stand", of: TaskView.summarySchema),
                    "timedOut": Schema.flag("Not all that was waited for has ended"),
                    "elapsedMs": Schema.integer("Milliseconds that were waited"),
                ], "required": ["tasks", "timedOut", "elapsedMs"],
            ], ToolAnnotations(readOnly: true, destructive: false, idempotent: true, openWorld: false)
        ) { [self] arguments, context in
            var ids = try arguments.tasks("taskIds", most: 16)
            if let id = try arguments.task("taskId"), !ids.contains(id) { ids.append(id) }
            guard !ids.isEmpty else { throw ToolFailure.argument("taskIds", "is missing.") }
            let until = try arguments.choice("until", Until.self) ?? .all
            let seconds = try arguments.integer("timeoutSeconds", in: 1...50) ?? 25
            try arguments.refuseOthers(renamed: ["timeout": "timeoutSeconds", "taskId": "taskIds"])
            return .result(try await wait(ids, until, seconds, context))
        }
    }

    private func wait(
        _ ids: [TaskID], _ until: Until, _ seconds: Int, _ context: RequestContext
    ) async throws -> ToolResult {
        let store = try store()
        let start = ContinuousClock.now
        var told = start
        var steps = 0.0
        func answer(_ records: [TaskRecord], timedOut: Bool) -> ToolResult {
            let elapsed = (ContinuousClock.now - start) / .milliseconds(1)
            return ToolResult(structured: [
                "tasks": .array(records.map(TaskView.summary)), "timedOut": .bool(timedOut),
                "elapsedMs": .integer(Int64(elapsed)),
            ])
        }
        // Yields about once a second in any case.
        for await _ in store.changes() {
            try await look(store)
            let records = try ids.map { try record($0, in: store) }
            let ended = records.count(where: \.state.isTerminal)
            if ended == records.count || until == .any && ended > 0 { return answer(records, timedOut: false) }
            let now = ContinuousClock.now
            if now - start >= .seconds(seconds) { return answer(records, timedOut: true) }
            // A sign of life for clients that give up on silence: after a second, then every ten.
            if now - told >= .seconds(steps == 0 ? 1 : 10) {
                told = now
                steps += 1
                let waited = Int((now - start) / .seconds(1))
                context.progress(
                    steps, "\(ended) of \(records.count) ended after \(waited) s; \(records[0].state.rawValue)")
            }
        }
        throw CancellationError()
    }
}
