/// One thing an agent did, as a person would want to see it go by.
package enum AgentStep: Equatable, Sendable {
    case initialised(model: String?)
    case text(String)
    /// `summary` is the argument that tells most: the command, the file, the pattern; on one line, at most 200 characters.
    case toolUse(name: String, summary: String)
    /// The first line of what the tool gave back, at most 200 characters.
    case toolResult(isError: Bool, firstLine: String)
    case retry(attempt: Int, of: Int?, delayMs: Int?, status: Int?)
    case result(isError: Bool, subtype: String?)
}
