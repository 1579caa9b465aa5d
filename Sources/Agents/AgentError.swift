/// Why an agent could not be prepared: the contract's code, a sentence, and what to do about it.
package struct AgentError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The command line is wrong; exit 64.
        case usage
        /// config.toml is wrong; exit 78 when it is checked, 125 when a run needs it.
        case configuration = "refused.config"
        case notFound = "spawn.notFound"
        case notExecutable = "spawn.notExecutable"
        case argumentTooLong = "spawn.argumentTooLong"
    }

    package let code: Code
    package let message: String
    package let hint: String?

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package var description: String { message }
}
