/// Why Claudine refuses: what happened, to what, which bound, and what to do next.
///
/// `code` is the contract's stable name; `detail` carries the same facts for machines: `layer`, `errno`, `fix` for a
/// mechanism that is missing; `file`, `line`, `key`, `bound`, `found` for a policy file; `field`, `bound`, `found` for a ceiling.
package struct PolicyError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// A mechanism the policy needs is missing here, or the policy forbids what was asked for.
        case policy = "refused.policy"
        /// More was asked for than the policy allows.
        case ceiling = "refused.ceiling"
        /// The workspace is one that no agent may have.
        case workspace = "refused.workspace"
        /// A policy file, a policy name or an option's value is invalid.
        case config = "refused.config"
    }

    package var code: Code
    package var message: String
    package var hint: String?
    package var detail: [String: String]

    package init(_ code: Code, _ message: String, hint: String? = nil, detail: [String: String] = [:]) {
        self.code = code
        self.message = message
        self.hint = hint
        self.detail = detail
    }

    /// 78 (EX_CONFIG) for an invalid file, 125 for a refusal; `run` reports 125 for both (design, "Exit codes").
    package var exitCode: Int32 { code == .config ? 78 : 125 }

    package var description: String {
        "[\(code.rawValue)] \(message)" + (hint.map { " (\($0))" } ?? "")
    }
}

extension PolicyError {
    /// A mechanism is missing on this machine.
    static func missing(_ layer: Layer, errno: Int32, _ message: String, fix: String) -> PolicyError {
        PolicyError(
            .policy, message, hint: fix,
            detail: ["layer": layer.recordName, "errno": String(errno), "fix": fix])
    }
}
