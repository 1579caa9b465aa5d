import MCP
import Store

extension Delegation {
    var taskStatus: Tool {
        tool(
            "TaskStatus", "Status of tasks",
            """
            Where one delegated task stands, or a list of this client's tasks, newest first. Don't call it in a loop: WaitTask \
            waits for an end, and a client with MCP tasks is told by itself.
            """,
            input: Schema.object([
                "taskId": Schema.task("One task; without it there is a list"),
                "state": Schema.list(
                    "Only tasks in one of these states",
                    of: ["type": "string", "enum": .array(TaskState.allCases.map { .string($0.rawValue) })], most: 11),
                "label": Schema.text("Only tasks with this label", length: 1...64),
                "limit": Schema.integer("Tasks on a page (default 20)", 1...100),
                "cursor": Schema.text("nextCursor of the page before", length: 1...64),
            ]),
            output: .members([
                "type": "object",
                "properties": [
                    "tasks": Schema.list("The tasks", of: TaskView.summarySchema),
                    "nextCursor": Schema.text("There are more: the cursor of the next page"),
                ], "required": ["tasks"],
            ]),
            ToolAnnotations(readOnly: true, destructive: false, idempotent: true, openWorld: false)
        ) { [self] arguments, _ in
            let id = try arguments.task("taskId")
            var filter = TaskFilter(client: client)
            let names = try arguments.texts("state", most: 11, bytes: 1...32)
            filter.states = try names.map { name in
                guard let state = TaskState(rawValue: name) else {
                    throw ToolFailure.argument(
                        "state",
                        "'\(name.prefix(32))' is none of \(TaskState.allCases.map(\.rawValue).joined(separator: ", "))."
                    )
                }
                return state
            }
            filter.labels = try arguments.text("label", bytes: 1...64).map { [$0] } ?? []
            let limit = try arguments.integer("limit", in: 1...100) ?? 20
            if let cursor = try arguments.text("cursor", bytes: 1...64) {
                guard let last = TaskID(cursor) else { throw ToolFailure.argument("cursor", "is none of ours.") }
                filter.before = last
            }
            try arguments.refuseOthers(renamed: ["status": "state"])
            let store = try store()
            try await look(store)
            if let id {
                let record = try record(id, in: store)
                return .result(ToolResult(structured: ["tasks": [TaskView.summary(record)]]))
            }
            filter.limit = limit + 1
            let found = try store.list(filter).filter(isVisible)
            let page = found.prefix(limit)
            return .result(
                ToolResult(
                    structured: .members([
                        "tasks": .array(page.map(TaskView.summary)),
                        "nextCursor": found.count > limit ? page.last.map { .string($0.taskId.text) } : nil,
                    ])))
        }
    }
}
