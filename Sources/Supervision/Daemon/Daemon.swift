import Policy
package import Store
import Synchronization

/// The one process of a state directory that runs everybody's queued tasks (`claudine serve`).
///
/// It asks the store what there is to do whenever somebody has committed something, and about once a second in any case. What it
/// remembers between two looks decides nothing: kill it at any moment, and the next one goes on from the rows, locks and receipts.
package struct Daemon: Sendable {
    private let store: Store
    private let settings: DaemonSettings
    private let prepare: Dispatcher.Preparer
    private let log: Log

    package init(
        store: Store, settings: DaemonSettings, log: Log,
        prepare: @escaping @Sendable (QueuedTask) throws(PreparationFailure) -> PreparedAttempt
    ) {
        self.store = store
        self.settings = settings
        self.log = log
        self.prepare = prepare
    }

    /// Returns when it was told to leave, or has had nothing to do for long enough, and nothing of it runs any more.
    package func run() async throws(DaemonError) {
        do {
            try await serve()
        } catch let error as DaemonError {
            throw error
        } catch let error as StoreError {
            throw .store(error)
        } catch {
            throw .store(StoreError(.io, "The daemon failed: \(error)"))
        }
    }

    private func serve() async throws {
        guard let lock = try store.lockDaemon() else {
            throw DaemonError.another(try store.daemon()?.identity.process.pid)
        }
        let instance = try store.registerInstance()
        let identity = instance.identity
        let listener = InstanceListener(instance)
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let stopping = Mutex(StopWish.none)
        let forsaken = Forsaken()
        let signals = StopSignals { [log] number, isRepeated in
            log.event(.signalReceived(number))
            log.event(.daemonStopping(why: "It was told to by a signal."))
            stopping.withLock { $0.strengthen(settings.onStop, isRepeated) }
            wake.yield()
        }
        let changes = Task { [store] in for await _ in store.changes() { wake.yield() } }
        defer {
            signals.cancel()
            changes.cancel()
        }
        let dispatcher = Dispatcher(
            store: store, instance: identity, limits: settings.admission, prepare: prepare)
        var first = DaemonTurn(store: store, settings: settings, identity: identity, log: log)
        try first.announce()
        // Not a group that throws: the failure of one attempt must not cancel the others.
        let failure = await withDiscardingTaskGroup(returning: DaemonError?.self) { [first] group in
            // Where this one cannot go on, what it runs is stopped, and the next one tells what became of it.
            defer { group.cancelAll() }
            var turn = first
            for await _ in wakes {
                let wish = stopping.withLock { $0 }
                do throws(StoreError) {
                    try await turn.recover(forsaken.fences.withLock { $0 })
                    if try turn.isOver(wish) { return nil }
                    while let (claim, prepared) = try await turn.next(dispatcher, wish) {
                        group.addTask {
                            if await !attempt(claim, prepared, listener, dispatcher) {
                                forsaken.fences.withLock { _ = $0.insert(claim.fence) }
                            }
                            wake.yield()
                        }
                    }
                    try await turn.announce(dispatcher.verdict)
                    try turn.sweep()
                } catch {
                    log.event(.storeFailed(error.code))
                    // A database that is locked or full for a while is asked again; what runs has its own patience.
                    guard error.mayPass else { return .store(error) }
                }
                if turn.mustGiveUp { return .recovery(turn.obstacles) }
            }
            return nil
        }
        if let failure { throw failure }
        log.event(.daemonLeaving(exitCode: 0))
        withExtendedLifetime(instance) {}
        withExtendedLifetime(lock) {}
    }

    /// Runs a claimed attempt to its end; false when the store could not be told of it.
    private func attempt(
        _ claim: Claim, _ prepared: PreparedAttempt, _ listener: InstanceListener, _ dispatcher: Dispatcher
    ) async -> Bool {
        log.event(.attemptClaimed(claim.taskID, attempt: claim.attempt))
        var observer = AttemptObserver()
        observer.onStarted = { [log] in
            log.event(.attemptStarted(claim.taskID, attempt: claim.attempt))
            Task { await dispatcher.spawned() }
        }
        observer.onMemory = { bytes in Task { await dispatcher.measured(claim, rss: bytes) } }
        var runner = AttemptRunner(
            store: store, claim: claim, prepared: prepared, observer: observer, instance: listener,
            wish: LocalWish(), patience: RetryRule.daemonPatience)
        let result: EndResult
        let record: TaskRecord?
        do throws(StoreError) {
            result = try await runner.run()
            record = try store.record(claim.taskID)
        } catch {
            log.event(.storeFailed(error.code))
            await dispatcher.ended(claim, .stale, peak: nil)
            return false
        }
        await dispatcher.ended(claim, result, peak: record?.resources?.maxRssBytes)
        switch result {
        case .ended(let state, let reason):
            log.event(
                .attemptEnded(claim.taskID, attempt: claim.attempt, state: state, reason, wallMs: record?.wallMs))
        case .requeued(let reason):
            log.event(.attemptEnded(claim.taskID, attempt: claim.attempt, state: .queued, reason, wallMs: nil))
        case .stale: log.event(.unforeseen("An attempt had been ended by somebody else."))
        }
        return true
    }
}

/// Attempts of this daemon that could not be brought to their end: recovery does it, as for those of the dead.
private final class Forsaken: Sendable {
    let fences = Mutex<Set<Int64>>([])
}

/// What was asked of a daemon by signals; a second one only makes the first more urgent.
enum StopWish: Equatable {
    case none
    case drain
    case stop(requeue: Bool, force: Bool)

    mutating func strengthen(_ way: ServeConfiguration.OnStop, _ isRepeated: Bool) {
        switch self {
        case .none:
            self =
                switch way {
                case .drain: .drain
                case .stop: .stop(requeue: false, force: false)
                case .requeue: .stop(requeue: true, force: false)
                }
        case .drain: self = .stop(requeue: false, force: false)
        case .stop(let requeue, _): if isRepeated { self = .stop(requeue: requeue, force: true) }
        }
    }
}

/// Why a daemon cannot serve.
package enum DaemonError: Error, Sendable {
    /// Another one holds the state directory; its pid where that is known.
    case another(Int32?)
    /// The one that holds it is on its way out, or does not get ready; its pid where that is known.
    case notServing(Int32?)
    /// What was left behind cannot be cleaned up, and it was told to insist on that.
    case recovery([String])
    case store(StoreError)
}
