/// What an agent is: how it is started, how it takes its prompt, and what it prints.
package struct AgentDefinition: Equatable, Sendable {
    /// How the prompt reaches the agent.
    package enum PromptDelivery: String, Sendable, CaseIterable {
        case argument, stdin, file
    }

    /// What the agent's stdout is.
    package enum ResultFormat: String, Sendable, CaseIterable {
        /// Anything; the exit code alone decides.
        case text
        /// Lines of JSON as `claude -p --output-format stream-json` prints them.
        case claudeStreamJSON = "claude-stream-json"
    }

    /// Who builds the command line.
    package enum Kind: Equatable, Sendable {
        case claude
        case demo
        case template(AgentTemplate)
    }

    package let name: String
    package let kind: Kind
    package let format: ResultFormat
    /// Names of variables of the caller's environment that this agent is given, where the policy lets them through.
    package let environmentNames: [String]

    /// The sentence of `claudine agent list`.
    package var summary: String {
        switch kind {
        case .claude: "Claude Code, found on PATH"
        case .demo: "the bundled demonstration: no network, no account"
        case .template(let template): template.arguments.joined(separator: " ")
        }
    }

    package static let claude = AgentDefinition(
        name: "claude", kind: .claude, format: .claudeStreamJSON, environmentNames: [])
    package static let demo = AgentDefinition(
        name: "demo", kind: .demo, format: .claudeStreamJSON, environmentNames: [])
}

/// An agent's command line from the configuration, with places for what differs from task to task.
package struct AgentTemplate: Equatable, Sendable {
    /// The first is the program. `{prompt}`, `{model}` and `{workspace}` are replaced wherever they stand.
    package let arguments: [String]
    package let prompt: AgentDefinition.PromptDelivery
    /// What `{model}` is when the task names none.
    package let defaultModel: String?

    package enum Place: String, CaseIterable, Sendable {
        case prompt = "{prompt}"
        case model = "{model}"
        case workspace = "{workspace}"
    }

    func uses(_ place: Place) -> Bool { arguments.contains { $0.contains(place.rawValue) } }
}
