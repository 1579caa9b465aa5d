package import Policy

extension Log.Event {
    /// What a line is about; the names are stable, the sentences are not.
    package enum Kind: String, Sendable, CaseIterable {
        case daemonStarted = "daemon.started"
        case daemonReady = "daemon.ready"
        case daemonStopping = "daemon.stopping"
        case daemonLeaving = "daemon.leaving"
        case signalReceived = "signal.received"
        case recoveryBegan = "recovery.began"
        case recoveryEnded = "recovery.ended"
        case recoveryFailed = "recovery.failed"
        case attemptClaimed = "attempt.claimed"
        case attemptStarted = "attempt.started"
        case attemptEnded = "attempt.ended"
        case admissionBlocked = "admission.blocked"
        case admissionUnblocked = "admission.unblocked"
        case spawnBreakerOpened = "spawnBreaker.opened"
        case spawnBreakerClosed = "spawnBreaker.closed"
        case queueSwept = "queue.swept"
        case storeFailed = "store.failed"
        case unforeseen = "unforeseen"

        package var level: ServeConfiguration.LogLevel { meaning.level }
        package var sentence: StaticString { meaning.sentence }

        private var meaning: (level: ServeConfiguration.LogLevel, sentence: StaticString) {
            switch self {
            case .daemonStarted: (.notice, "The daemon has started.")
            case .daemonReady: (.notice, "The daemon takes tasks from the queue.")
            case .daemonStopping: (.notice, "The daemon starts nothing more.")
            case .daemonLeaving: (.notice, "The daemon leaves.")
            case .signalReceived: (.notice, "A signal has arrived.")
            case .recoveryBegan: (.info, "Recovery looks for attempts that nobody runs any more.")
            case .recoveryEnded: (.info, "Recovery has finished.")
            case .recoveryFailed: (.critical, "Recovery cannot finish, so nothing is started.")
            case .attemptClaimed: (.debug, "An attempt has been claimed.")
            case .attemptStarted: (.info, "An attempt runs.")
            case .attemptEnded: (.info, "An attempt has ended.")
            case .admissionBlocked: (.info, "Nothing more is started for now.")
            case .admissionUnblocked: (.info, "Attempts are started again.")
            case .spawnBreakerOpened: (.warning, "Shepherds cannot be started; the next try has to wait.")
            case .spawnBreakerClosed: (.notice, "Shepherds can be started again.")
            case .queueSwept: (.info, "Ended tasks have been removed with their files.")
            case .storeFailed: (.error, "The store has failed.")
            case .unforeseen: (.error, "Something unforeseen has happened.")
            }
        }
    }
}
