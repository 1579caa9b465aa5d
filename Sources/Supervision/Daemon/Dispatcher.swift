import Store

/// Takes tasks out of the queue, in its order, as many as there are slots and the machine can carry.
///
/// Admission is asked before a claim and the bound on slots is held inside it, so that what this actor remembers decides only when
/// to ask, never how many run.
actor Dispatcher {
    private let store: Store
    private let instance: InstanceIdentity
    private let prepare: Preparer
    private var admission: Admission
    private var last: Look?
    /// Since when a command could have taken a slot for its own task.
    private var offered: [TaskID: Int64] = [:]
    /// What was found when it was last asked.
    private(set) var verdict = AdmissionVerdict(blockedBy: [])

    /// What the machine had, and when; the disk of a task's workspace is part of it.
    private struct Look {
        var workspace: String?
        var at: Int64
        var reading: HostReading
    }

    /// Nanoseconds for which a reading is good; the kernel's own averages are no quicker.
    private static let freshness: Int64 = 1_000_000_000

    /// A task of the queue, prepared with the configuration of this moment.
    typealias Preparer = @Sendable (QueuedTask) throws(PreparationFailure) -> PreparedAttempt

    init(store: Store, instance: InstanceIdentity, limits: AdmissionLimits, prepare: @escaping Preparer) {
        self.store = store
        self.instance = instance
        self.prepare = prepare
        admission = Admission(limits)
    }

    /// Tasks that are looked at in one go: those of others, and those that cannot be prepared any more, are passed over.
    private static let page = 16

    /// The next task, claimed, which now has to be run; nil where none waits, or none can be started.
    func next(_ bounds: QueueBounds) throws(StoreError) -> (Claim, PreparedAttempt)? {
        // A slot is left to a command that waits for its own task and stands before ours.
        var reserved = 0
        var kind: String?
        let queue = try store.eligible(limit: Self.page)
        let free = bounds.running - (try store.runningAttempts())
        offered = offered.filter { id, _ in queue.contains { $0.id == id } }
        for task in queue {
            guard task.owner == nil else {
                if isAwaited(task.id, free: reserved < free) { reserved += 1 }
                continue
            }
            kind = task.spec.kind
            guard try mayStart(task.spec.kind, in: task.spec.workspace, bounds, reserved: reserved) else { return nil }
            let prepared: PreparedAttempt
            do throws(PreparationFailure) {
                prepared = try prepare(task)
            } catch {
                switch error {
                case .refused(let refusal):
                    _ = try store.refuse(queued: task.id, refusal.reason)
                    continue
                case .configuration(let refusal):
                    verdict = AdmissionVerdict(blockedBy: [
                        Blocker(.configuration, "The configuration cannot be read: \(refusal.reason.message)")
                    ])
                    return nil
                }
            }
            let result = try store.claim(
                task.id, attempt: task.attempt, frozen: prepared.frozen, instance: instance, bounds: bounds)
            guard case .claimed(let claim) = result else { continue }
            admission.started(claim.fence, kind: task.spec.kind, at: boottimeNanoseconds())
            return (claim, prepared)
        }
        // For whoever asks how it stands.
        if kind == nil { _ = try mayStart("command", in: nil, bounds, reserved: reserved) }
        return nil
    }

    /// Whether a command that waits for its turn is still expected to take it.
    private func isAwaited(_ task: TaskID, free: Bool) -> Bool {
        guard free else {
            offered[task] = nil
            return true
        }
        let now = boottimeNanoseconds()
        let since = offered[task] ?? now
        offered[task] = since
        return now - since < QueueBounds.turn
    }

    private func mayStart(
        _ kind: String, in workspace: String?, _ bounds: QueueBounds, reserved: Int
    ) throws(StoreError) -> Bool {
        let now = boottimeNanoseconds()
        if last == nil || last?.workspace != workspace || now - (last?.at ?? 0) >= Self.freshness {
            last = Look(
                workspace: workspace, at: now,
                reading: HostSensors.read(
                    stateDirectory: store.paths.directory, workspaces: workspace.map { [$0] } ?? []))
        }
        guard let last else { return false }
        verdict = admission.verdict(
            last.reading, running: try store.runningAttempts() + reserved, maxRunning: bounds.running, kind: kind,
            at: now)
        return verdict.ok
    }

    func measured(_ claim: Claim, rss: Int64) { admission.measured(claim.fence, rss: rss) }

    /// An attempt has a process, so there are resources for one.
    func spawned() { admission.spawnSucceeded() }

    /// An attempt is over; what it used is what the next of its kind is expected to use.
    func ended(_ claim: Claim, _ result: EndResult, peak: Int64?) {
        let now = boottimeNanoseconds()
        switch result {
        case .requeued(.spawnResources), .ended(_, .spawnResources): admission.spawnFailed(at: now)
        case .requeued, .ended, .stale: break
        }
        admission.ended(claim.fence, peak: peak, at: now)
    }
}

/// Why a task of the queue could not be prepared.
package enum PreparationFailure: Error {
    /// It cannot be run as it was asked for.
    case refused(Refusal)
    /// Nothing can be: the configuration is not to be read at the moment. The task waits.
    case configuration(Refusal)
}

extension TaskSpec {
    /// What its use of memory is compared with: agents with agents, commands with commands.
    var kind: String { command == nil ? agent : "command" }
}
