/// Who asks a task to stop.
package enum StopOrigin: Equatable, Sendable {
    case user
    case client
    case shutdown
    /// The daemon leaves, and the task goes back to the queue for the next one.
    case handover
    /// Claudine itself got this signal.
    case signal(Int32)

    /// Whether the task is not to be tried again.
    var isForGood: Bool { self != .handover }

    package var reason: Reason {
        switch self {
        case .user: Reason(.cancelledUser)
        case .client: Reason(.cancelledClient)
        case .shutdown: Reason(.cancelledShutdown)
        case .handover:
            Reason(
                .cancelledShutdown, "Its supervisor shut down; it goes back to the queue.", detail: ["requeue": true])
        case .signal(let number):
            Reason(
                .cancelledUser, "It was cancelled by \(SignalName.of(number)).",
                detail: ["signal": .string(SignalName.of(number))])
        }
    }
}

/// A wish to stop that its supervisor has to act on; the reason is the first one given and stays.
package struct StopRequest: Equatable, Sendable {
    package var reason: Reason
    /// Kill at once instead of asking first.
    package var force: Bool

    package init(reason: Reason, force: Bool) {
        self.reason = reason
        self.force = force
    }
}

/// What became of a wish to stop.
package enum StopResult: Equatable, Sendable {
    /// Written down; its supervisor will act.
    case recorded
    /// Somebody had asked before, for this reason; `force` was added if it was asked for now.
    case alreadyStopping(Reason)
    case alreadyEnded(TaskState)
    /// It had not been claimed: it is over already.
    case cancelledAtOnce
}
