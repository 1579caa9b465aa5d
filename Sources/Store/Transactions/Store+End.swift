import GRDB

extension Store {
    /// Ends the attempt and its task, once its process tree is known to be empty.
    ///
    /// Returns false, and has changed nothing, when somebody else has ended it or the claim is stale.
    package func end(_ claim: Claim, _ ending: Ending) throws(StoreError) -> Bool {
        try conclude(claim, .final(ending)) != .stale
    }

    /// Ends the attempt, once its process tree is known to be empty, and with it its task or not.
    ///
    /// A task that was asked to stop is not tried again, whatever the verdict says.
    package func conclude(_ claim: Claim, _ verdict: Verdict) throws(StoreError) -> EndResult {
        if case .final(let ending) = verdict, !ending.state.isTerminal {
            throw StoreError(.input, "A task cannot end as \(ending.state.rawValue).")
        }
        return try write(.full) { db in
            let moment = Moment()
            switch verdict {
            case .final(let ending):
                return try db.end(claim, ending, at: moment) ? .ended(ending.state, ending.reason?.code) : .stale
            case .again(let ending, let again):
                guard try db.isWanted(claim.taskID) else {
                    let last = try db.unwanted(ending, claim)
                    return try db.end(claim, last, at: moment) ? .ended(last.state, last.reason?.code) : .stale
                }
                return try db.again(claim, ending, again, at: moment) ? .requeued(again.reason.code) : .stale
            }
        }
    }
}

extension Database {
    fileprivate func end(_ claim: Claim, _ ending: Ending, at moment: Moment) throws -> Bool {
        let columns = try ending.columns(at: moment)
        guard try take(.end, claim, at: moment, setting: columns, ending.json).isTaken else { return false }
        try endTask(claim.taskID, ending, at: moment)
        // A process that ran its own task is done with it.
        try execute(
            sql: "DELETE FROM instance WHERE role = 'run' AND id = (SELECT owner FROM task WHERE id = ?)",
            arguments: [claim.taskID.text])
        return true
    }

    /// Whether nobody has asked the task to stop for good.
    fileprivate func isWanted(_ id: TaskID) throws -> Bool {
        try Int.fetchOne(self, sql: "SELECT give_up FROM task WHERE id = ?", arguments: [id.text]) == 0
    }

    /// How an attempt ends that would have been followed by another, had nobody asked for the end: as cancelled, unless something
    /// else had stopped it before (R5).
    fileprivate func unwanted(_ ending: Ending, _ claim: Claim) throws -> Ending {
        guard let request = try stopRequest(claim), request.reason.code.state == .cancelled else { return ending }
        var stopped = ending
        stopped.reason = request.reason
        stopped.state = .cancelled
        return stopped
    }

    fileprivate func again(_ claim: Claim, _ ending: Ending, _ again: Again, at moment: Moment) throws -> Bool {
        var columns = try ending.columns(at: moment)
        columns.append(("counted", again.counted ? 1 : 0))
        var data: [String: JSONValue] = [
            "requeued": true, "counted": .bool(again.counted), "reason": again.reason.json,
        ]
        data["exit"] = ending.exit?.json
        guard try take(.again, claim, at: moment, setting: columns, .object(data)).isTaken else { return false }
        try execute(
            sql: """
                UPDATE task SET clock_boot = ?, not_before = ?, not_before_boottime = ?,
                    continue_session = CASE WHEN ? THEN ? ELSE coalesce(?, continue_session) END,
                    stop_reason_json = NULL, stop_requested_at = NULL, stop_force = 0
                WHERE id = ?
                """,
            arguments: [
                try Host.bootID(), moment.wall.milliseconds.addingClamped(again.delayMs),
                moment.boottime.addingClamped(again.delayMs.multipliedClamped(by: 1_000_000)),
                // An attempt that came to nothing has not used up the session it was to go on with.
                again.counted, again.session, again.session,
                claim.taskID.text,
            ])
        var requeued: [String: JSONValue] = ["reason": again.reason.json, "delayMs": .integer(again.delayMs)]
        requeued["session"] = again.session.map(JSONValue.string)
        try log(.taskRequeued, claim.taskID, attempt: claim.attempt, at: moment, .object(requeued))
        return true
    }
}

extension Ending {
    /// What an earlier note said is kept where the ending knows nothing better.
    fileprivate func columns(at moment: Moment) throws -> Columns {
        var columns: Columns = [("ended_at", moment.wall.milliseconds)]
        func add(_ name: String, _ value: (any DatabaseValueConvertible)?) {
            if let value { columns.append((name, value)) }
        }
        func add(json name: String, _ value: (some Encodable)?) throws {
            if let value { add(name, try JSONText.encode(value)) }
        }
        try add(json: "exit_json", exit)
        try add(json: "reason_json", reason)
        try add(json: "output_json", output)
        try add(json: "resources_json", resources)
        try add(json: "usage_json", usage)
        try add(json: "result_json", result)
        try add(json: "violations_json", violations)
        add("stragglers", stragglers)
        add("session_id", sessionId)
        add("wall_ms", wallMs)
        return columns
    }

    fileprivate var json: JSONValue {
        var data: [String: JSONValue] = ["state": .string(state.rawValue)]
        data["reason"] = reason?.json
        data["exit"] = exit?.json
        data["stragglers"] = stragglers.map { .integer(Int64($0)) }
        return .object(data)
    }
}
