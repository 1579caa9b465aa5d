import Policy
import Store

/// What a daemon does at each look: recover, leave or dispatch, and say how it stands.
struct DaemonTurn {
    private let store: Store
    private let settings: DaemonSettings
    private let identity: InstanceIdentity
    private let log: Log

    private let startedAt = boottimeNanoseconds()
    private var phase = DaemonStatus.Phase.recovering
    private var hasRecovered = false
    private var announced: DaemonStatus?
    private var announcedAt: Int64 = 0
    private var lastRecovery = Int64.min
    private var lastRetention = Int64.min
    private var idleSince: Int64?
    /// When a shepherd was first seen to hold on to its lock, by fence.
    private var waitingSince: [Int64: Int64] = [:]
    /// What keeps recovery from finishing, a sentence each.
    private(set) var obstacles: [String] = []
    /// The last wish that was acted on.
    private var obeyed = StopWish.none

    /// Nanoseconds between two looks at what other instances have left.
    private static let recoveryInterval: Int64 = 1_000_000_000
    private static let announcementInterval: Int64 = 1_000_000_000
    private static let retentionInterval: Int64 = 3600 * 1_000_000_000
    /// Beyond its own times a shepherd gets this long: a machine may be slow.
    private static let allowance: Int64 = 10_000_000_000

    init(store: Store, settings: DaemonSettings, identity: InstanceIdentity, log: Log) {
        self.store = store
        self.settings = settings
        self.identity = identity
        self.log = log
    }

    /// Recovery cannot finish, and this daemon was told to insist on it.
    var mustGiveUp: Bool { phase == .degraded && settings.insistsOnRecovery }

    // MARK: Recovery

    /// Before the first dispatch until it is done, and then for whatever dies beside this daemon.
    ///
    /// - Parameter forsaken: fences of our own attempts that are to be recovered like those of the dead.
    mutating func recover(_ forsaken: Set<Int64>) async throws(StoreError) {
        let now = boottimeNanoseconds()
        guard lastRecovery.addingReportingOverflow(Self.recoveryInterval).partialValue <= now || !hasRecovered else {
            return
        }
        if lastRecovery == .min {
            try store.quickCheck()
            log.event(.recoveryBegan(unfinished: try store.runningAttempts()))
        }
        lastRecovery = now
        let report = try await Recovery.pass(store, forsaken: forsaken)
        if report.ended + report.requeued > 0 {
            log.event(
                .recoveryEnded(.init(ended: report.ended, requeued: report.requeued, alive: report.pending.count)))
        }
        let overdue = overdue(report.pending, at: now)
        for attempt in overdue { Recovery.end(attempt) }
        guard !hasRecovered else { return }
        if report.isComplete {
            hasRecovered = true
            obstacles = []
            phase = .ready
            log.event(.daemonReady(wallMs: (now - startedAt) / 1_000_000))
        } else if !report.failed.isEmpty || !overdue.isEmpty {
            obstacles =
                report.failed.map { "\($0.task): \($0.error.message)" }
                + overdue.map { "\($0.claim.taskID): its processes do not end" }
            if phase != .degraded {
                log.event(
                    .recoveryFailed(
                        what: "Attempts cannot be looked at or do not end.", report.failed.first?.error.code))
            }
            phase = .degraded
        }
    }

    /// Those that have had all the time that their policies, the kill and a slow machine may take.
    private mutating func overdue(_ pending: [UnfinishedAttempt], at now: Int64) -> [UnfinishedAttempt] {
        let fences = Set(pending.map(\.claim.fence))
        waitingSince = waitingSince.filter { fences.contains($0.key) }
        return pending.filter { attempt in
            let since = waitingSince[attempt.claim.fence] ?? now
            waitingSince[attempt.claim.fence] = since
            return now - since > Recovery.longestEnd(of: attempt) + Self.allowance
        }
    }

    // MARK: Leaving

    /// Acts on a wish to stop, or on having had nothing to do for long enough; true when nothing is left to do here.
    mutating func isOver(_ wish: StopWish) throws(StoreError) -> Bool {
        guard wish == .none else { return try isDown(wish) }
        guard let limit = settings.idleExit else { return false }
        guard try store.isIdle(identity) else {
            idleSince = nil
            return false
        }
        let now = boottimeNanoseconds()
        let since = idleSince ?? now
        idleSince = since
        guard now - since >= Int64(clamping: limit.nanoseconds) else { return false }
        return try store.leave(identity)
    }

    private mutating func isDown(_ wish: StopWish) throws(StoreError) -> Bool {
        phase = wish == .drain ? .draining : .stopping
        // From the first moment on, so that nobody counts on us who enqueues something now.
        if obeyed == .none { _ = try store.leave(identity, evenWithQueue: true) }
        let running = try store.running(identity)
        if case .stop(let requeue, let force) = wish, wish != obeyed {
            for task in running { _ = try store.requestStop(task, by: requeue ? .handover : .shutdown, force: force) }
        }
        obeyed = wish
        return running.isEmpty
    }

    // MARK: Dispatching

    /// The next task to run; nil where there is none, or none may be started.
    mutating func next(
        _ dispatcher: Dispatcher, _ wish: StopWish
    ) async throws(StoreError) -> (Claim, PreparedAttempt)? {
        guard hasRecovered, wish == .none else { return nil }
        return try await dispatcher.next(settings.bounds)
    }

    /// Removes what has been over for longer than it is to be kept, some at a time, so that nothing waits for that.
    mutating func sweep() throws(StoreError) {
        guard hasRecovered else { return }
        let now = boottimeNanoseconds()
        // The first one at once; and of a short age more often than every hour.
        let interval = min(Self.retentionInterval, settings.retention.map { Int64(clamping: $0.nanoseconds) } ?? .max)
        guard lastRetention == .min || now - lastRetention >= interval else { return }
        var swept = Retention.Sweep()
        if let age = settings.retention { swept = try Retention.sweep(store, olderThan: age) }
        if swept.removed > 0 { log.event(.queueSwept(removed: swept.removed)) }
        if swept.failed > 0 { log.event(.unforeseen("Files of an ended task cannot be removed.")) }
        guard !swept.isMore else { return }
        lastRetention = now
        if try Retention.removeStrangers(store) > 0 {
            log.event(.unforeseen("Files that belong to no task cannot be removed."))
        }
        _ = try store.forgetDeadInstances()
    }

    // MARK: Saying how it stands

    /// Writes down what `claudine status` shows, when that has changed.
    mutating func announce(_ admission: AdmissionVerdict = AdmissionVerdict(blockedBy: [])) throws(StoreError) {
        var verdict = admission
        switch phase {
        case .recovering, .degraded: verdict = AdmissionVerdict(blockedBy: [.recovery(obstacles)])
        case .draining, .stopping: verdict = AdmissionVerdict(blockedBy: [.stopping])
        case .ready: break
        }
        let status = DaemonStatus(
            phase: phase, startedOnDemand: settings.idleExit != nil, version: settings.version,
            maxRunning: settings.bounds.running, admission: verdict)
        let now = boottimeNanoseconds()
        if let announced {
            if announced.saysTheSame(as: status) { return }
            // Slots come and go many times a second; nobody reads that fast, and each row written is a commit.
            if announced.phase == phase, now - announcedAt < Self.announcementInterval { return }
        }
        announcedAt = now
        try store.announceDaemon(identity, status: status.json)
        logChange(to: verdict)
        announced = status
    }

    private func logChange(to verdict: AdmissionVerdict) {
        func breaker(_ verdict: AdmissionVerdict?) -> Blocker? {
            verdict?.blockedBy.first { $0.code == Blocker.Code.spawnBreaker.rawValue }
        }
        log.event(
            verdict.ok
                ? .admissionUnblocked : .admissionBlocked(verdict.blockedBy.compactMap { .init(rawValue: $0.code) }))
        switch (breaker(announced?.admission), breaker(verdict)) {
        case (nil, let open?): log.event(.spawnBreakerOpened(retryInMs: open.retryInMs ?? 0))
        case (_?, nil): log.event(.spawnBreakerClosed)
        default: break
        }
    }
}

extension Blocker {
    static func recovery(_ obstacles: [String]) -> Blocker {
        let what = obstacles.isEmpty ? "it is not finished yet" : obstacles.joined(separator: "; ")
        return Blocker(.recovery, "Nothing is started before what was left behind is cleaned up: \(what)")
    }

    static var stopping: Blocker { Blocker(.stopping, "The daemon is on its way out and takes nothing new.") }
}
