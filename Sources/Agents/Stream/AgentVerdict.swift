/// How an agent's run went, from its exit code and what it said last; asked only when it ended by itself.
package enum AgentVerdict: Equatable, Sendable {
    case success
    /// `code` is one of the contract's reason codes, `exitCode` what `claudine run` ends with.
    case failure(code: String, message: String, exitCode: Int32)

    /// - Parameters:
    ///   - exitCode: 0 to 255, of an agent that was not ended by a signal.
    ///   - summary: what its stream told; nil for an agent whose result is plain text.
    package init(exitCode: Int32, summary: AgentSummary?) {
        guard let summary else {
            self = exitCode == 0 ? .success : Self.nonzero(exitCode)
            return
        }
        guard let result = summary.result else {
            self = exitCode == 0 ? Self.silent(summary) : Self.nonzero(exitCode, ", without a result")
            return
        }
        guard result.isError else {
            self = exitCode == 0 ? .success : Self.nonzero(exitCode, " although it reported success")
            return
        }
        let message = PlainText.oneLine(result.text, longest: 500)
        let code =
            switch summary.subtype {
            case "error_max_turns": "agent.maxTurns"
            case "error_max_budget_usd": "agent.budget"
            default: "agent.error"
            }
        // Interrupted, Claude exits 0 and calls that an error; a caller must not take it for done.
        self = .failure(
            code: code, message: message.isEmpty ? "the agent reported an error without saying which" : message,
            exitCode: exitCode == 0 ? 1 : exitCode)
    }

    private static func nonzero(_ exitCode: Int32, _ more: String = "") -> AgentVerdict {
        .failure(code: "exit.nonzero", message: "the agent exited with code \(exitCode)\(more)", exitCode: exitCode)
    }

    private static func silent(_ summary: AgentSummary) -> AgentVerdict {
        let lost = summary.oversizedLines + summary.invalidLines
        let why = lost == 0 ? "" : "; \(lost) of its lines could not be read, the result may have been among them"
        return .failure(
            code: "agent.error", message: "the agent exited with code 0 but never reported a result\(why)", exitCode: 1)
    }
}
