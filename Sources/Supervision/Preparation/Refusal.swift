package import Agents
package import Gateway
package import Policy
package import Store

/// Why a task must not run; it is written down as such.
package struct Refusal: Error, Equatable, Sendable {
    package var reason: Reason
    package var hint: String?

    package init(_ reason: Reason, hint: String? = nil) {
        self.reason = reason
        self.hint = hint
    }

    package init(_ error: PolicyError) {
        var detail = error.detail.mapValues(JSONValue.string)
        // The contract has errno as a number.
        if let text = error.detail["errno"], let number = Int64(text) { detail["errno"] = .integer(number) }
        self.init(
            Reason(
                ReasonCode(rawValue: error.code.rawValue) ?? .refusedConfig, error.message,
                detail: detail.isEmpty ? nil : .object(detail)),
            hint: error.hint)
    }

    package init(_ error: AgentError) {
        self.init(Reason(ReasonCode(rawValue: error.code.rawValue) ?? .refusedConfig, error.message), hint: error.hint)
    }

    package init(_ error: GatewayError) {
        self.init(
            Reason(.refusedConfig, error.message, detail: .object(["gateway": .string(error.code)])), hint: error.hint)
    }
}
