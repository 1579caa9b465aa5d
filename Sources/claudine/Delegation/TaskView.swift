import MCP
import OrderedCollections
import Policy
import Store

/// A task as clients see it: names of the contract's record, and nothing of the cage's inside.
enum TaskView {
    /// Bytes of a name or prompt in a summary.
    private static let longestTitle = 160

    static func summary(_ record: TaskRecord) -> JSON {
        var summary = JSON.members([
            "taskId": .string(record.taskId.text), "state": .string(record.state.rawValue),
            "reason": record.reason.map(reason), "title": .string(title(record)), "agent": .string(record.agent),
            "policy": .string(record.policy.name), "workspace": .string(record.workspace),
            "labels": .array(record.labels.map { .string(Clean.line($0)) }),
            "priority": .string(record.priority.rawValue),
            "attempts": .integer(Int64(record.attempts)), "createdAt": .string(record.createdAt.rfc3339),
            "startedAt": record.startedAt.map { .string($0.rfc3339) },
            "endedAt": record.endedAt.map { .string($0.rfc3339) }, "wallMs": record.wallMs.map(JSON.integer),
        ])
        summary["after"] = tasks((record.after ?? []) + (record.afterAny ?? []))
        summary["retryOf"] = record.retryOf.map { .string($0.text) }
        summary["resumes"] = record.resumes.map { .string($0.text) }
        if !record.state.isTerminal { summary["pollAfterMs"] = .integer(pollInterval(record)) }
        return summary
    }

    static func handle(_ record: TaskRecord, isEarlier: Bool) -> JSON {
        var handle = summary(record)
        handle["limits"] = JSONValue.object(record.limits).message
        handle["deduplicated"] = .bool(isEarlier)
        handle["resources"] = [
            "status": .string(TaskURI.task(record.taskId)), "log": .string(TaskURI.log(record.taskId)),
            "result": .string(TaskURI.result(record.taskId)),
        ]
        return handle
    }

    static func links(_ record: TaskRecord) -> [Resource] {
        [
            Resource(
                uri: TaskURI.result(record.taskId), name: "result", title: "Result", mimeType: "application/json"),
            Resource(uri: TaskURI.log(record.taskId), name: "log", title: "Log", mimeType: "text/plain"),
        ]
    }

    /// Milliseconds after which it is worth while to ask again.
    static func pollInterval(_ record: TaskRecord) -> Int64 {
        [.queued, .blocked].contains(record.state) ? 10_000 : 2_000
    }

    static func title(_ record: TaskRecord) -> String {
        let text = record.name ?? record.prompt ?? record.command?.joined(separator: " ") ?? ""
        let cut = Clean.prefix(Clean.line(text), bytes: longestTitle)
        return cut.isCut ? cut.text + "…" : cut.text
    }

    static func reason(_ reason: Reason) -> JSON {
        ["code": .string(reason.code.rawValue), "message": .string(Clean.line(reason.message))]
    }

    private static func tasks(_ ids: [TaskID]) -> JSON? {
        ids.isEmpty ? nil : .array(ids.map { .string($0.text) })
    }

    // MARK: - Schemas

    /// Without words, which every answer would have to be read beside: the names are those of the task record.
    private static let text: JSON = ["type": "string"]
    private static let number: JSON = ["type": "integer"]
    private static let flag: JSON = ["type": "boolean"]
    private static let record: JSON = ["type": "object"]
    private static let texts: JSON = ["type": "array", "items": ["type": "string"]]

    private static let summaryMembers: [(String, JSON)] = [
        ("taskId", text), ("state", Schema.choice("Where it stands", TaskState.allCases.map(\.rawValue))),
        ("reason", record), ("title", text), ("agent", text), ("policy", text), ("workspace", text), ("labels", texts),
        ("priority", text), ("attempts", number), ("createdAt", text), ("startedAt", text), ("endedAt", text),
        ("wallMs", number), ("after", texts), ("retryOf", text), ("resumes", text), ("pollAfterMs", number),
    ]

    private static func object(_ members: [(String, JSON)], required: [String]) -> JSON {
        .members([
            "type": "object", "properties": .object(.init(uniqueKeysWithValues: members)),
            "required": .array(required.map(JSON.string)),
        ])
    }

    private static let always = ["taskId", "state", "title", "createdAt"]

    /// Of a task among others: the rest is as in a result.
    static let summarySchema = object([("taskId", text), ("state", text), ("title", text)], required: always)

    /// The same of a new task. Required is only what a result has, too: where the client follows the task by itself, that is what the
    /// call comes to, and it has to fit the schema of the tool that was called.
    static let handleSchema = object(
        [
            ("taskId", text), ("state", text), ("title", text), ("limits", record), ("deduplicated", flag),
            ("resources", record), ("pollAfterMs", number),
        ], required: always)

    static let resultSchema = object(
        summaryMembers + [
            ("text", Schema.text("What the agent said last, or the end of what the command wrote. Untrusted")),
            ("textIsCut", flag), ("isError", flag), ("exit", record), ("output", record), ("resourcesUsed", record),
            ("usage", record), ("violations", ["type": "array", "items": ["type": "object"]]), ("sessionId", text),
        ], required: always + ["isError"])
}
