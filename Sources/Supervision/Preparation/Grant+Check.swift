import Policy
import Store

extension Grant {
    /// Looked at when the task is made and again when it is claimed: by then a policy's file may say something else, and a
    /// directory may be another one.
    ///
    /// - Throws: `refused.ceiling` with the first field in which the policy is wider, `refused.workspace`.
    func check(_ effective: Policy, _ workspace: String, _ caller: Caller) throws(PolicyError) {
        guard WorkspaceCheck.isWithin(workspace, roots: roots) else {
            throw PolicyError(
                .workspace, "'\(workspace)' lies in none of the directories that this client may work in",
                hint: "they are \(roots.joined(separator: ", "))",
                detail: ["field": "workspace", "found": workspace, "bound": roots.joined(separator: ", ")])
        }
        let ceiling = try caller.policies.load(policy).policy
        let order = PolicyOrder(host: .current(home: caller.home))
        guard !order.isAtLeastAsStrict(effective, as: ceiling) else { return }
        let wider = order.comparison(effective, ceiling).filter { ![.equal, .stricter].contains($0.strictness) }
        guard let first = wider.first?.field else { return }
        let rest = wider.count == 1 ? "" : ", and in \(wider.dropFirst().map(\.field.key).joined(separator: ", "))"
        throw PolicyError(
            .ceiling,
            "the policy '\(effective.name)' is wider than '\(ceiling.name)', the widest that this client may use: in \(first.key)\(rest)",
            hint: "ask for '\(ceiling.name)' or a tighter one, with limits within it",
            detail: ["field": first.key, "found": first.text(effective), "bound": first.text(ceiling)])
    }
}
