package import Store

extension Log {
    /// Everything that the daemon can say.
    package enum Event: Sendable {
        case daemonStarted(pid: Int32, Origin)
        /// Recovery is over, and tasks are taken from the queue.
        case daemonReady(wallMs: Int64)
        /// Nothing more is started.
        case daemonStopping(why: StaticString)
        case daemonLeaving(exitCode: Int32)
        case signalReceived(Int32)

        /// - Parameter unfinished: attempts whose supervisor is dead.
        case recoveryBegan(unfinished: Int)
        case recoveryEnded(Recovered)
        case recoveryFailed(what: StaticString, StoreError.Code?)

        case attemptClaimed(TaskID, attempt: Int)
        case attemptStarted(TaskID, attempt: Int)
        /// - Parameter state: the task's, which is `queued` again where another attempt follows.
        case attemptEnded(TaskID, attempt: Int, state: TaskState, ReasonCode?, wallMs: Int64?)

        case admissionBlocked([Blocker.Code])
        case admissionUnblocked
        case spawnBreakerOpened(retryInMs: Int64)
        case spawnBreakerClosed

        /// Ended tasks that were older than `queue.retention`.
        case queueSwept(removed: Int)
        case storeFailed(StoreError.Code)
        /// What should not have happened; the daemon goes on.
        case unforeseen(StaticString)

        package enum Origin: String, Sendable {
            /// By a command that needed a daemon.
            case onDemand
            case byHand
        }

        /// What became of the attempts that recovery found.
        package struct Recovered: Sendable {
            package var ended: Int
            package var requeued: Int
            /// Their shepherds are still on their way down.
            package var alive: Int

            package init(ended: Int, requeued: Int, alive: Int) {
                self.ended = ended
                self.requeued = requeued
                self.alive = alive
            }
        }
    }
}

extension Log.Event {
    var kind: Kind {
        switch self {
        case .daemonStarted: .daemonStarted
        case .daemonReady: .daemonReady
        case .daemonStopping: .daemonStopping
        case .daemonLeaving: .daemonLeaving
        case .signalReceived: .signalReceived
        case .recoveryBegan: .recoveryBegan
        case .recoveryEnded: .recoveryEnded
        case .recoveryFailed: .recoveryFailed
        case .attemptClaimed: .attemptClaimed
        case .attemptStarted: .attemptStarted
        case .attemptEnded: .attemptEnded
        case .admissionBlocked: .admissionBlocked
        case .admissionUnblocked: .admissionUnblocked
        case .spawnBreakerOpened: .spawnBreakerOpened
        case .spawnBreakerClosed: .spawnBreakerClosed
        case .queueSwept: .queueSwept
        case .storeFailed: .storeFailed
        case .unforeseen: .unforeseen
        }
    }

    /// What the line says besides its kind.
    var facts: [(name: StaticString, value: LogValue)] {
        switch self {
        case .daemonStarted(let pid, let origin): [("pid", .number(pid)), ("origin", .code(origin))]
        case .daemonReady(let wallMs): [("wallMs", .number(wallMs))]
        case .daemonStopping(let why): [("why", .text(why))]
        case .daemonLeaving(let exitCode): [("exitCode", .number(exitCode))]
        case .signalReceived(let number): [("signal", .signal(number))]
        case .recoveryBegan(let unfinished): [("unfinished", .number(unfinished))]
        case .recoveryEnded(let counts):
            [
                ("ended", .number(counts.ended)), ("requeued", .number(counts.requeued)),
                ("alive", .number(counts.alive)),
            ]
        case .recoveryFailed(let what, let code): [("what", .text(what))] + (code.map { [("code", .code($0))] } ?? [])
        case .attemptClaimed(let task, let attempt), .attemptStarted(let task, let attempt):
            [("task", .task(task)), ("attempt", .number(attempt))]
        case .attemptEnded(let task, let attempt, let state, let reason, let wallMs):
            [("task", .task(task)), ("attempt", .number(attempt)), ("state", .code(state))]
                + (reason.map { [("reason", .code($0))] } ?? []) + (wallMs.map { [("wallMs", .number($0))] } ?? [])
        case .admissionBlocked(let codes): [("blockedBy", .codes(codes))]
        case .admissionUnblocked, .spawnBreakerClosed: []
        case .spawnBreakerOpened(let retryInMs): [("retryInMs", .number(retryInMs))]
        case .queueSwept(let removed): [("removed", .number(removed))]
        case .storeFailed(let code): [("code", .code(code))]
        case .unforeseen(let what): [("what", .text(what))]
        }
    }
}
