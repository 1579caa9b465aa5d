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
    private(set) var verdict = AdmissionVerdict(blockedBy: [])

    /// A task of the queue, prepared with the configuration of this moment.
    typealias Preparer = @Sendable (QueuedTask) throws(Refusal) -> PreparedAttempt

    init(store: Store, instance: InstanceIdentity, limits: AdmissionLimits, prepare: @escaping Preparer) {
        self.store = store
        self.instance = instance
        self.prepare = prepare
        admission = Admission(limits)
    }

    /// Tasks that are looked at in one go.
    private static let page = 64

    /// What was taken and now has to be run, oldest claim first.
    func take(_ bounds: QueueBounds) throws(StoreError) -> [(Claim, PreparedAttempt)] {
        var taken: [(Claim, PreparedAttempt)] = []
        let queue = try store.eligible(limit: Self.page)
        guard !queue.isEmpty else {
            look(running: try store.runningAttempts(), bounds, kind: "command")
            return []
        }
        let reading = HostSensors.read(stateDirectory: store.paths.directory, workspaces: [])
        // A slot is left to a command that waits for its own task and stands before ours.
        var reserved = 0
        for task in queue {
            guard task.owner == nil else {
                reserved += 1
                continue
            }
            let running = try store.runningAttempts()
            verdict = admission.verdict(
                reading, running: running + reserved, maxRunning: bounds.running, kind: task.spec.kind,
                at: boottimeNanoseconds())
            guard verdict.ok else { break }
            let prepared: PreparedAttempt
            do throws(Refusal) {
                prepared = try prepare(task)
            } catch {
                _ = try store.refuse(queued: task.id, error.reason)
                continue
            }
            let result = try store.claim(
                task.id, attempt: task.attempt, frozen: prepared.frozen, instance: instance, bounds: bounds)
            guard case .claimed(let claim) = result else { continue }
            admission.started(claim.fence, kind: task.spec.kind, at: boottimeNanoseconds())
            taken.append((claim, prepared))
        }
        return taken
    }

    /// What would be said to a task of this kind now.
    private func look(running: Int, _ bounds: QueueBounds, kind: String) {
        let reading = HostSensors.read(stateDirectory: store.paths.directory, workspaces: [])
        verdict = admission.verdict(
            reading, running: running, maxRunning: bounds.running, kind: kind, at: boottimeNanoseconds())
    }

    func measured(_ claim: Claim, rss: Int64) { admission.measured(claim.fence, rss: rss) }

    /// An attempt is over; what it used is what the next of its kind is expected to use.
    func ended(_ claim: Claim, _ result: EndResult, peak: Int64?) {
        let now = boottimeNanoseconds()
        admission.ended(claim.fence, peak: peak, at: now)
        switch result {
        case .requeued(.spawnResources), .ended(_, .spawnResources): admission.spawnFailed(at: now)
        case .requeued, .ended, .stale: admission.spawnSucceeded()
        }
    }
}

extension TaskSpec {
    /// What its use of memory is compared with: agents with agents, commands with commands.
    var kind: String { command == nil ? agent : "command" }
}
