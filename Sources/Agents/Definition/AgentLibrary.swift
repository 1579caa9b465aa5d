/// The agents that can be named: the two built in, and those of the configuration.
package struct AgentLibrary: Equatable, Sendable {
    private let byName: [String: AgentDefinition]

    package static let builtIn = AgentLibrary(adding: [])

    private init(adding configured: [AgentDefinition]) {
        byName = Dictionary(([.claude, .demo] + configured).map { ($0.name, $0) }) { first, _ in first }
    }

    /// - Parameters:
    ///   - configuration: the text of config.toml; only its `[agents.NAME]` tables are looked at.
    ///   - file: what to call it in errors.
    /// - Throws: `refused.config` with the file, the key and what was found.
    package init(configuration: String, file: String) throws(AgentError) {
        self.init(adding: try AgentTables(file: file).definitions(in: configuration))
    }

    /// Built-in agents first, then by name.
    package var all: [AgentDefinition] {
        byName.values.sorted { ($0.isConfigured ? 1 : 0, $0.name) < ($1.isConfigured ? 1 : 0, $1.name) }
    }

    package func agent(_ name: String) throws(AgentError) -> AgentDefinition {
        if let agent = byName[name] { return agent }
        throw AgentError(
            .configuration, "there is no agent named \(quoted(name))",
            hint: "known agents are \(all.map(\.name).joined(separator: ", ")); "
                + "others are tables [agents.NAME] of config.toml")
    }
}

extension AgentDefinition {
    fileprivate var isConfigured: Bool {
        if case .template = kind { true } else { false }
    }
}
