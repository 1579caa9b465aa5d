import Agents
import Gateway
import Policy
package import Store

/// Why a task must not run; it is written down as such.
package struct Refusal: Error, Equatable, Sendable {
    package var reason: Reason
    package var hint: String?

    package init(_ reason: Reason, hint: String? = nil) {
        self.reason = reason
        self.hint = hint
    }
}

/// Calls `body` and turns its error into a refusal.
func refusing<Value, Cause: RefusalCause>(_ body: () throws(Cause) -> Value) throws(Refusal) -> Value {
    do throws(Cause) { return try body() } catch { throw error.refusal }
}

/// The error of a part that had a say in whether the task may run.
protocol RefusalCause: Error {
    var refusal: Refusal { get }
}

extension PolicyError: RefusalCause {
    var refusal: Refusal {
        Refusal(Reason(ReasonCode(rawValue: code.rawValue) ?? .refusedConfig, message, detail: facts), hint: hint)
    }

    /// `detail` as the record and the errors of commands have it: integers are numbers; nil where there is none.
    package var facts: JSONValue? {
        var facts = detail.mapValues(JSONValue.string)
        for name in ["errno", "line"] {
            if let number = detail[name].flatMap({ Int64($0) }) { facts[name] = .integer(number) }
        }
        return facts.isEmpty ? nil : .object(facts)
    }
}

extension AgentError: RefusalCause {
    var refusal: Refusal {
        Refusal(Reason(ReasonCode(rawValue: code.rawValue) ?? .refusedConfig, message), hint: hint)
    }
}

extension GatewayError: RefusalCause {
    var refusal: Refusal {
        Refusal(Reason(.refusedConfig, message, detail: .object(["gateway": .string(code)])), hint: hint)
    }
}

extension Refusal {
    /// What kept the configuration from being read.
    package init(_ error: any Error) {
        self =
            (error as? any RefusalCause)?.refusal
            ?? Refusal(Reason(.refusedConfig, "The configuration cannot be read: \(error)"))
    }
}
