import GRDB

extension Database {
    /// Appends to the event log; the unique indexes make a second ending of a task or attempt fail here.
    func log(
        _ kind: EventKind, _ task: TaskID, attempt: Int? = nil, at moment: Moment, _ data: JSONValue = [:]
    ) throws {
        let text = try JSONText.encode(data)
        try cachedStatement(
            sql: "INSERT INTO event (time, boottime, task_id, attempt, kind, data_json) VALUES (?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            moment.wall.milliseconds, moment.boottime, task.text, attempt, kind.rawValue, text,
        ])
    }
}

extension Reason {
    var json: JSONValue {
        var members: [String: JSONValue] = ["code": .string(code.rawValue), "message": .string(message)]
        members["detail"] = detail
        return .object(members)
    }
}

extension WorkerExit {
    var json: JSONValue {
        switch self {
        case .code(let code): ["code": .integer(Int64(code))]
        case .signal(let name): ["signal": .string(name)]
        }
    }
}
