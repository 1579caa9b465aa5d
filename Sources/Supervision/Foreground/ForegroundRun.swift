package import Store

/// A task that this process runs itself, from request to record, on the same store as everybody else.
package struct ForegroundRun: Sendable {
    private let store: Store
    private let preparation: Preparation
    private let bounds: QueueBounds
    private let daemon: DaemonStart?

    /// - Parameter daemon: starts one where the task has to wait for others that only a daemon can run; nil never.
    package init(store: Store, preparation: Preparation, bounds: QueueBounds, daemon: DaemonStart? = nil) {
        self.store = store
        self.preparation = preparation
        self.bounds = bounds
        self.daemon = daemon
    }

    /// The record of a task that has ended, and what to do about it where there is something to do.
    package struct Result: Sendable {
        package var record: TaskRecord
        package var hint: String?
        /// Set where this command was interrupted, and not the task, which somebody else runs.
        package var interruption: Reason?
    }

    /// - Parameter observer: made once the task has its id; is asked before anything runs.
    /// - Returns: the terminal record, also for a task that was refused.
    package func run(
        _ spec: TaskSpec, _ given: RunRequest, observer: @Sendable (PreparedAttempt) -> AttemptObserver
    ) async throws(StoreError) -> Result {
        let id = TaskID.random()
        var request = given
        if case .descriptor = request.standardInput, spec.retries ?? 0 > 0 {
            // The second attempt has to read it, too.
            let kept = KeptInput(id, store.paths)
            do throws(SupervisionError) {
                try kept.write([:], request.standardInput)
            } catch {
                return Result(record: try store.refuse(spec, error.reason, id: id), hint: nil)
            }
            request.standardInput = kept.standardInput.map { .file($0) } ?? .none
        }
        let first: PreparedAttempt
        do throws(Refusal) {
            first = try preparation.prepare(spec, request, id: id)
        } catch {
            return Result(record: try store.refuse(spec, error.reason, id: id), hint: error.hint)
        }
        Trace.mark("prepared")
        let observer = observer(first)
        for sentence in [first.tightening, first.degradation].compactMap({ $0 }) { observer.onNotice?(sentence) }
        let wish = LocalWish()
        // Before the row exists, so that no signal finds its default action.
        let signals = StopSignals { [store] number, isRepeated in
            Self.hear(number, isRepeated, id, store, wish)
        }
        defer { signals.cancel() }
        let instance = try store.registerInstance()
        let listener = InstanceListener(instance)
        let submission: Submission
        do throws(StoreError) {
            submission = try store.submit(
                first.spec, id: id, owner: instance.identity, bounds: bounds, claiming: first.frozen)
        } catch {
            // Nothing was stored, so nothing may lie about; what does all the same, a daemon's sweep removes.
            try? TaskFiles.remove(id, store.paths)
            throw error
        }
        Trace.mark("store.claim")
        var turn: Turn
        switch submission {
        case .claimed(let claim): turn = .claimed(claim, first)
        case .created(let record):
            tellWhy(record, observer)
            turn = try await nextTurn(id, request, instance.identity, wish)
        case .existing(let record):
            observer.onNotice?("this is \(record.taskId), which was asked for before under the same idempotency key")
            try TaskFiles.remove(id, store.paths)
            let result = try await ended(record.taskId, wish)
            if result.interruption != nil {
                observer.onNotice?("\(record.taskId) goes on; claudine cancel \(record.taskId) would end it")
            }
            return result
        }
        while case .claimed(let claim, let prepared) = turn {
            var runner = AttemptRunner(
                store: store, claim: claim, prepared: prepared, observer: observer, instance: listener, wish: wish,
                patience: RetryRule.foregroundPatience)
            let result = try await runner.run()
            guard case .requeued = result else { break }
            tellAgain(try existing(id), observer)
            turn = try await nextTurn(id, request, instance.identity, wish)
        }
        withExtendedLifetime(instance) {}
        var hint: String?
        if case .refused(let refusal) = turn {
            hint = refusal.hint
            _ = try store.refuse(queued: id, refusal.reason)
        }
        // It has ended as it has, whether the database answers just now or not.
        var ledger = Ledger(store, wish: wish, tell: observer.onNotice)
        let record = try await ledger.insist { _ throws(StoreError) in try existing(id) }
        return Result(record: record, hint: hint)
    }

    private enum Turn {
        case claimed(Claim, PreparedAttempt)
        /// It cannot be prepared any more.
        case refused(Refusal)
        /// It ended while it waited.
        case ended
    }

    /// Waits until the task may be claimed, and claims it.
    private func nextTurn(
        _ id: TaskID, _ request: RunRequest, _ instance: InstanceIdentity, _ wish: LocalWish
    ) async throws(StoreError) -> Turn {
        var passedOverSince: Int64?
        for await _ in store.changes() {
            // Whoever holds the slots, or runs what this waits for, may have died since.
            _ = try await Recovery.pass(store)
            try await ensureDaemon(for: id)
            // What was wanted before the row was there, or while the store was busy.
            if let stop = wish.stop { _ = try store.refuse(queued: id, stop.reason) }
            if let delay = try store.nextQueueChange().map({ $0 - boottimeNanoseconds() }), delay < 1_000_000_000 {
                try? await Task.sleep(for: .nanoseconds(max(0, delay)))
            }
            _ = try store.expireQueued()
            if try existing(id).state.isTerminal { return .ended }
            guard let task = try store.queuedTask(id), try isItsTurn(id, &passedOverSince) else { continue }
            let prepared: PreparedAttempt
            do throws(Refusal) {
                prepared = try preparation.prepare(
                    task.spec, request, id: id, attempt: task.attempt, session: task.session)
            } catch {
                return .refused(error)
            }
            let result = try store.claim(
                id, attempt: task.attempt, frozen: prepared.frozen, instance: instance, bounds: bounds)
            if case .claimed(let claim) = result { return .claimed(claim, prepared) }
        }
        throw StoreError(.io, "The store of \(id) can no longer be watched.")
    }

    /// Whether there is a slot for it beside those that stand before it, or they have left theirs free for too long: their daemon is
    /// not there, or may start nothing.
    private func isItsTurn(_ id: TaskID, _ passedOverSince: inout Int64?) throws(StoreError) -> Bool {
        let free = bounds.running - (try store.runningAttempts())
        let first = free > 0 ? try store.eligible(limit: free) : []
        if first.contains(where: { $0.id == id }) { return true }
        // Without a free slot nobody can take one; where one is left over, it is too early for this task.
        guard free > 0, first.count == free else {
            passedOverSince = nil
            return false
        }
        let now = boottimeNanoseconds()
        let since = passedOverSince ?? now
        passedOverSince = since
        return now - since >= QueueBounds.turn
    }

    /// A task that somebody else runs, or has run; waiting for it can be given up, which does nothing to the task.
    private func ended(_ id: TaskID, _ wish: LocalWish) async throws(StoreError) -> Result {
        for await _ in store.changes() {
            _ = try await Recovery.pass(store)
            let record = try existing(id)
            if record.state.isTerminal { return Result(record: record, hint: nil) }
            if let stop = wish.stop { return Result(record: record, hint: nil, interruption: stop.reason) }
            if let daemon, try store.waitsForDaemon(id) { await daemon.ensureIfNone() }
        }
        throw StoreError(.io, "The store of \(id) can no longer be watched.")
    }

    /// What it waits for may wait for a daemon in its turn.
    private func ensureDaemon(for id: TaskID) async throws(StoreError) {
        guard let daemon, let record = try store.record(id), record.state == .blocked else { return }
        for needed in (record.after ?? []) + (record.afterAny ?? []) where try store.waitsForDaemon(needed) {
            return await daemon.ensureIfNone()
        }
    }

    private func existing(_ id: TaskID) throws(StoreError) -> TaskRecord {
        guard let record = try store.record(id) else {
            throw StoreError(.corrupt, "The task \(id) has no row although it was written down.")
        }
        return record
    }

    private func tellWhy(_ record: TaskRecord, _ observer: AttemptObserver) {
        switch record.state {
        case .blocked: observer.onNotice?("\(record.taskId) waits for the tasks it is to run after")
        case .queued: observer.onNotice?("\(record.taskId) waits for a slot: \(bounds.running) tasks run already")
        default: break
        }
    }

    private func tellAgain(_ record: TaskRecord, _ observer: AttemptObserver) {
        guard let attempt = record.attempt else { return }
        observer.onNotice?("attempt \(attempt) came to nothing; there will be another")
    }

    /// A signal is a wish to stop, the second one a wish to be gone.
    private static func hear(_ number: Int32, _ isRepeated: Bool, _ id: TaskID, _ store: Store, _ wish: LocalWish) {
        let request = StopRequest(reason: StopOrigin.signal(number).reason, force: isRepeated)
        // Apart, because a locked database may keep it waiting, and the next signal has to be heard all the same.
        Background.begin {
            do throws(StoreError) {
                switch try store.requestStop(id, by: .signal(number), force: isRepeated) {
                case .recorded, .alreadyStopping, .cancelledAtOnce: break
                case .alreadyEnded: wish.leave()
                case nil: wish.ask(request)
                }
            } catch {
                wish.ask(request)
            }
        }
        if isRepeated { wish.leave() }
    }
}
