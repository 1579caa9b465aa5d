/// What a task asks of its agent.
package struct AgentRequest: Equatable, Sendable {
    package enum Session: Equatable, Sendable {
        /// A new conversation under a UUID that Claudine chose.
        case new(String)
        /// The conversation that an earlier task had.
        case resume(String)
    }

    package let prompt: String
    package let model: String?
    package let maxTurns: Int?
    /// US dollars, as the agent counts them.
    package let budgetUsd: Double?
    package let session: Session
    /// The absolute path of the work directory, the same inside the cage.
    package let workspace: String

    package init(
        prompt: String, model: String? = nil, maxTurns: Int? = nil, budgetUsd: Double? = nil, session: Session,
        workspace: String
    ) {
        self.prompt = prompt
        self.model = model
        self.maxTurns = maxTurns
        self.budgetUsd = budgetUsd
        self.session = session
        self.workspace = workspace
    }

    /// Bytes; a prompt that is longer was certainly meant to be a file in the workspace.
    package static let largestPrompt = 4 << 20

    /// Refuses what no agent can be given; asked again before every start, so that a caller may ask it early.
    package func check() throws(AgentError) {
        guard !prompt.allSatisfy(\.isWhitespace) else {
            throw AgentError(.usage, "the prompt is empty", hint: "say what the agent is to do")
        }
        let size = prompt.utf8.count
        guard size <= Self.largestPrompt else {
            throw AgentError(
                .usage, "the prompt has \(size) bytes; at most \(Self.largestPrompt) (4 MiB) are allowed",
                hint: "put the text into a file of the workspace and name it in the prompt")
        }
        guard !prompt.utf8.contains(0) else { throw AgentError(.usage, "the prompt contains a NUL character") }
        if let model {
            guard !model.isEmpty, model.utf8.count <= 256, !model.hasPrefix("-"),
                model.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F })
            else { throw AgentError(.usage, "\(quoted(model)) is not the name of a model") }
        }
        if let maxTurns, maxTurns < 1 {
            throw AgentError(.usage, "the number of turns is \(maxTurns); it must be at least 1")
        }
        if let budgetUsd, !(budgetUsd.isFinite && budgetUsd > 0 && budgetUsd <= 1_000_000) {
            throw AgentError(.usage, "the budget is \(budgetUsd); it must be above 0 and at most 1000000 US dollars")
        }
        let id =
            switch session {
            case .new(let id), .resume(let id): id
            }
        guard id.wholeMatch(of: /[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}/) != nil else {
            throw AgentError(.usage, "\(quoted(id)) is not the id of a session (a UUID)")
        }
    }
}
