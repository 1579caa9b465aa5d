package import Store

/// A task that this process runs itself, from request to record, on the same store as everybody else.
package struct ForegroundRun: Sendable {
    private let store: Store
    private let preparation: Preparation

    package init(store: Store, preparation: Preparation) {
        self.store = store
        self.preparation = preparation
    }

    /// The record of a task that has ended, and what to do about it where there is something to do.
    package struct Result: Sendable {
        package var record: TaskRecord
        package var hint: String?
    }

    /// - Parameter observer: made once the task has its id; is asked before anything runs.
    /// - Returns: the terminal record, also for a task that was refused.
    package func run(
        _ spec: TaskSpec, _ request: RunRequest, observer: @Sendable (PreparedAttempt) -> AttemptObserver
    ) async throws(StoreError) -> Result {
        let id = TaskID.random()
        let prepared: PreparedAttempt
        do throws(Refusal) {
            prepared = try preparation.prepare(spec, request, id: id)
        } catch {
            return Result(record: try store.refuse(spec, error.reason), hint: error.hint)
        }
        Trace.mark("prepared")
        let observer = observer(prepared)
        for sentence in [prepared.tightening, prepared.degradation].compactMap({ $0 }) { observer.onNotice?(sentence) }
        let wish = LocalWish()
        // Before the row exists, so that no signal finds its default action.
        let signals = StopSignals { [store] number, isRepeated in
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
        defer { signals.cancel() }
        let instance = try store.registerInstance()
        let claim = try store.enqueueAndClaim(
            prepared.spec, id: id, frozen: prepared.frozen, instance: instance.identity)
        Trace.mark("store.claim")
        var runner = AttemptRunner(
            store: store, claim: claim, prepared: prepared, observer: observer,
            bell: instance.bell.descriptor, wish: wish)
        let outcome: StoreError?
        do throws(StoreError) {
            try await runner.run()
            outcome = nil
        } catch {
            outcome = error
        }
        withExtendedLifetime(instance) {}
        if let outcome { throw outcome }
        guard let record = try store.record(id) else {
            throw StoreError(.corrupt, "The task \(id) has no row although it has ended.")
        }
        return Result(record: record, hint: nil)
    }
}
