/// One line of the event log. `seq` strictly increases and is never used twice, so a follower needs to remember only that.
package struct EventRecord: Codable, Equatable, Sendable {
    package var seq: Int64
    package var time: Timestamp
    package var taskId: TaskID
    package var attempt: Int?
    package var kind: String
    package var data: JSONValue
}

/// What the event log tells; more kinds may follow, so readers get the string.
enum EventKind: String, CaseIterable {
    case taskCreated = "task.created"
    case taskQueued = "task.queued"
    case taskBlocked = "task.blocked"
    case taskStopRequested = "task.stopRequested"
    case taskRequeued = "task.requeued"
    case taskEnded = "task.ended"
    case taskRemoved = "task.removed"
    case attemptClaimed = "attempt.claimed"
    case attemptArmed = "attempt.armed"
    case attemptStarted = "attempt.started"
    case attemptStopping = "attempt.stopping"
    case attemptExited = "attempt.exited"
    case attemptStuck = "attempt.stuck"
    case attemptEnded = "attempt.ended"
    case violation
}
