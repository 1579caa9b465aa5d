import Policy
import Store
import Supervision

/// Whoever goes on with a session works in a home that others have filled: what it may be asked to tell was gathered by their
/// policies, not by its own.
extension Delegation {
    /// - Throws: `task.cannotResume` when somebody else has gone on with the session, `refused.ceiling` when a task that did so was
    ///   given more than this client may be given now.
    func checkHome(of spec: TaskSpec, _ store: Store, _ caller: Caller) throws {
        guard let home = spec.homeOf else { return }
        let ceiling = try caller.policies.load(grant.policy).policy
        let order = PolicyOrder(host: .current(home: caller.environment["HOME"]))
        for task in [home] + (try store.tasks(inHomeOf: home)) {
            guard let record = try store.record(task), let earlier = try store.spec(task) else { continue }
            guard isVisible(record) else {
                throw ToolFailure(
                    "task.cannotResume", "Somebody else has gone on with this session.",
                    hint: "delegate a new task, with a prompt that says what it has to know")
            }
            let policy = try caller.policies.load(earlier.policyFile ?? earlier.policy).policy
                .narrowed(by: LimitRequest(options: earlier.limitOptions ?? [:]))
            guard order.isAtLeastAsStrict(policy, as: ceiling) else {
                throw ToolFailure(
                    ReasonCode.refusedCeiling.rawValue,
                    "The session was begun or went on under the policy '\(policy.name)', which is wider than '\(ceiling.name)', the widest that this client may use.",
                    hint: "delegate a new task, with a prompt that says what it has to know", field: "policy")
            }
        }
    }
}
