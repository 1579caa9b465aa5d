import MCP
import Policy
import Store

/// A person's consent to what a policy asks for it: in the client's own window where it has one, on a terminal otherwise. No tool
/// can give it.
extension Delegation {
    private static let key = "approval"

    /// - Returns: the question to be asked first; nil when there is consent.
    /// - Throws: when somebody has refused, or nobody can be asked here.
    func ask(
        _ order: DelegationOrder, _ digest: String, _ store: Store, _ context: RequestContext
    ) throws -> InputRequired? {
        if let answer = context.answer(Self.key), context.state == .string(digest) {
            if case .accept(let content) = answer, content["approve"] == true { return nil }
            throw ToolFailure(
                "approval.denied", "The person asked did not agree to this task.",
                hint: "do not ask again for the same; say what would be needed instead")
        }
        if try store.spendApproval(of: digest, by: client) { return nil }
        let summary =
            "\(order.spec.agent) with policy '\(order.spec.policy)' in \(order.spec.workspace): "
            + Clean.prefix(Clean.line(order.spec.prompt ?? ""), bytes: 300).text
        guard context.client.capabilities.elicitsForms, context.client.version >= .june2025 else {
            let approval = try store.requestApproval(
                of: digest, by: client, policy: order.spec.policy, summary: summary)
            throw ToolFailure(
                "approval.required",
                "The policy '\(order.spec.policy)' needs a person's consent, and this client cannot ask for it.",
                hint:
                    "a person runs: claudine approve \(approval.approvalId) (until \(approval.expiresAt.rfc3339)); then make the same call again"
            )
        }
        return InputRequired(
            [
                Self.key: .form(
                    message: "DelegateTask asks for \(summary)",
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
}
