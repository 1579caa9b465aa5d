import MCP
import Policy
import Store

/// A person's consent to what a policy asks for it: in the client's own window where it has one, on a terminal otherwise. No tool
/// can give it.
extension Delegation {
    private static let key = "approval"
    static let consentRequired = "approval.required"
    /// Bytes of a prompt that a person is shown.
    private static let shown = 1000

    /// - Returns: the question to be asked first; nil when there is consent.
    /// - Throws: when somebody has refused, or nobody can be asked here.
    func ask(
        _ order: DelegationOrder, _ tool: String, _ digest: String, _ store: Store, _ context: RequestContext
    ) throws -> InputRequired? {
        if let answer = context.answer(Self.key), context.state == .string(digest) {
            if case .accept(let content) = answer, content["approve"] == true { return nil }
            throw Self.denied
        }
        if try store.spendApproval(of: digest, by: client) { return nil }
        if try store.isDenied(digest, by: client) { throw Self.denied }
        let summary = Self.summary(order.spec)
        guard context.client.capabilities.elicitsForms, context.client.version >= .june2025 else {
            guard
                let approval = try store.requestApproval(
                    of: digest, by: client, policy: order.spec.policy, summary: summary)
            else {
                throw ToolFailure(
                    "limit.approvals",
                    "\(Store.mostOpenApprovals) requests of this client wait for a person's word; that is the most.",
                    hint: "a person looks at them with: claudine approve")
            }
            throw ToolFailure(
                Self.consentRequired,
                "The policy '\(order.spec.policy)' needs a person's consent, and this client cannot ask for it.",
                hint:
                    "a person runs: claudine approve \(approval.approvalId) (until \(approval.expiresAt.rfc3339)); then make the same call again"
            )
        }
        return InputRequired(
            [
                Self.key: .form(
                    message: "\(tool) asks for \(summary)",
                    schema: [
                        "type": "object",
                        "properties": [
                            "approve": [
                                "type": "boolean", "title": "Let it run",
                                "description": "Once, for this task only", "default": false,
                            ]
                        ], "required": ["approve"],
                    ])
            ], state: .string(digest))
    }

    private static let denied = ToolFailure(
        "approval.denied", "The person asked did not agree to this task.",
        hint: "do not ask again for the same; say what would be needed instead")

    /// What there is besides what is shown is said, too: the end of a prompt may be what matters.
    private static func summary(_ spec: TaskSpec) -> String {
        let prompt = Clean.line(spec.prompt ?? "")
        let cut = Clean.prefix(prompt, bytes: shown)
        let rest = cut.isCut ? "… [\(prompt.utf8.count - cut.text.utf8.count) more bytes are not shown]" : ""
        let session = spec.resumes.map { ", in the session of \($0)" } ?? ""
        return Clean.line("\(spec.agent) with policy '\(spec.policy)' in \(spec.workspace)\(session): ")
            + cut.text + rest
    }
}
