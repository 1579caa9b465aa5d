import GRDB

/// What became of an attempt that was given back.
package enum RequeueResult: Equatable, Sendable {
    case requeued
    /// It had been asked to stop, so it ended instead.
    case ended(TaskState)
    case stale
}

extension Store {
    /// Gives a task back to the queue because this attempt certainly never ran; the attempt does not count.
    package func requeue(_ claim: Claim, _ reason: Reason) throws(StoreError) -> RequeueResult {
        try write(.full) { db in
            let moment = Moment()
            if let request = try db.stopRequest(claim) {
                let ended = try db.end(claim, Ending(request.reason), at: moment)
                return ended ? .ended(request.reason.code.state) : .stale
            }
            let done = try db.advance(
                claim, .end, at: moment,
                setting: [
                    ("ended_at", moment.wall.milliseconds), ("counted", 0),
                    ("reason_json", try JSONText.encode(reason)),
                ],
                ["requeued": true, "reason": reason.json])
            guard done else { return .stale }
            try db.execute(
                sql: "UPDATE task SET state = ? WHERE id = ?",
                arguments: [TaskState.queued.rawValue, claim.taskID.text])
            try db.log(.taskRequeued, claim.taskID, attempt: claim.attempt, at: moment, ["reason": reason.json])
            return .requeued
        }
    }
}
