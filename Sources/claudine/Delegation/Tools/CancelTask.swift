import MCP
import Store

extension Delegation {
    var cancelTask: Tool {
        tool(
            "CancelTask", "Cancel a task",
            """
            End a delegated task and everything it has started. One that has ended stays as it is. Returns as soon as the wish is \
            written down; WaitTask waits for the end.
            """,
            input: Schema.object(
                [
                    "taskId": Schema.task("The task"),
                    "reason": Schema.text("Why; read, and not kept", length: 1...500),
                    "force": Schema.flag("Kill at once, without the time that the policy gives to stop by itself"),
                ], required: ["taskId"]),
            output: [
                "type": "object",
                "properties": [
                    "taskId": Schema.task("The task"),
                    "previousState": Schema.choice("Where it stood", TaskState.allCases.map(\.rawValue)),
                    "state": Schema.choice("Where it stands", TaskState.allCases.map(\.rawValue)),
                    "result": Schema.choice(
                        "What became of the wish", ["stopping", "alreadyStopping", "alreadyEnded", "cancelled"]),
                ], "required": ["taskId", "previousState", "state", "result"],
            ], ToolAnnotations(readOnly: false, destructive: true, idempotent: true, openWorld: false)
        ) { [self] arguments, context in
            let id = try Arguments.required("taskId", arguments.task("taskId"))
            _ = try arguments.text("reason", bytes: 1...500)
            let force = try arguments.flag("force") ?? false
            try arguments.refuseOthers()
            let store = try store()
            let before = try record(id, in: store)
            guard let result = try store.requestStop(id, by: .client, force: force) else {
                throw ToolFailure.unknownTask
            }
            if result.hasEffect {
                try store.audit(
                    AuditEntry(
                        client: client, tool: "CancelTask", digest: id.text, decision: .accepted,
                        toolUse: context.toolUse))
            }
            let word =
                switch result {
                case .recorded: "stopping"
                case .alreadyStopping: "alreadyStopping"
                case .alreadyEnded: "alreadyEnded"
                case .cancelledAtOnce: "cancelled"
                }
            return .result(
                ToolResult(structured: [
                    "taskId": .string(id.text), "previousState": .string(before.state.rawValue),
                    "state": .string(try record(id, in: store).state.rawValue), "result": .string(word),
                ]))
        }
    }
}

extension StopResult {
    /// What changes nothing is not worth a row, however often it is asked for.
    var hasEffect: Bool {
        switch self {
        case .recorded, .cancelledAtOnce: true
        case .alreadyStopping, .alreadyEnded: false
        }
    }
}
