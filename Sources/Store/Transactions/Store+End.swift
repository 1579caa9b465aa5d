import GRDB

extension Store {
    /// Ends the attempt and its task, once its process tree is known to be empty.
    ///
    /// Returns false, and has changed nothing, when somebody else has ended it or the claim is stale.
    package func end(_ claim: Claim, _ ending: Ending) throws(StoreError) -> Bool {
        guard ending.state.isTerminal else {
            throw StoreError(.input, "A task cannot end as \(ending.state.rawValue).")
        }
        let transition = Transition.end
        return try write(transition.durability) { db in try db.end(claim, ending, at: Moment()) }
    }
}

extension Database {
    func end(_ claim: Claim, _ ending: Ending, at moment: Moment) throws -> Bool {
        var columns: Columns = [("ended_at", moment.wall.milliseconds)]
        // What an earlier note said is kept where the ending knows nothing better.
        func add(_ name: String, _ value: (any DatabaseValueConvertible)?) {
            if let value { columns.append((name, value)) }
        }
        func add(json name: String, _ value: (some Encodable)?) throws {
            if let value { add(name, try JSONText.encode(value)) }
        }
        try add(json: "exit_json", ending.exit)
        try add(json: "reason_json", ending.reason)
        try add(json: "output_json", ending.output)
        try add(json: "resources_json", ending.resources)
        try add(json: "usage_json", ending.usage)
        try add(json: "result_json", ending.result)
        try add(json: "violations_json", ending.violations)
        add("stragglers", ending.stragglers)
        add("session_id", ending.sessionId)
        add("wall_ms", ending.wallMs)
        var data: [String: JSONValue] = ["state": .string(ending.state.rawValue)]
        data["reason"] = ending.reason?.json
        data["exit"] = ending.exit?.json
        data["stragglers"] = ending.stragglers.map { .integer(Int64($0)) }
        guard try advance(claim, .end, at: moment, setting: columns, .object(data)) else { return false }
        guard try endTask(claim.taskID, ending.state, ending.reason, at: moment) else {
            throw StoreError(.corrupt, "The task \(claim.taskID) has ended but its attempt had not.")
        }
        return true
    }
}
