/// All that starting an agent takes, resolved: nothing in it is looked up again.
package struct Invocation: Equatable, Sendable {
    package enum StandardInput: Equatable, Sendable {
        /// /dev/null.
        case none
        case bytes([UInt8])
    }

    package let executable: AgentExecutable
    /// The whole argv, argv[0] included; the program to execute is `executable.path`.
    package let arguments: [String]
    /// What the agent needs on top of the cage's own environment.
    package let environment: [String: String]
    /// Variables of the caller's environment that the agent is given, where the policy lets them through.
    package let environmentNames: [String]
    package let standardInput: StandardInput
    /// Files that do not exist yet: write each to the attempt's directory and bind it read-only at its `path`.
    package let files: [MaterialisedFile]
    package let format: AgentDefinition.ResultFormat
}

/// Bytes that are to be found as a file in the cage.
package struct MaterialisedFile: Equatable, Sendable {
    package let name: String
    package let bytes: [UInt8]

    /// Where the agent finds it.
    package var path: String { "/run/claudine/\(name)" }
}

extension AgentDefinition {
    /// - Parameter lookup: where programs are looked for: the caller's PATH and HOME.
    /// - Throws: a usage error for a bad request, `spawn.*` for a program that cannot be had.
    package func invocation(_ request: AgentRequest, lookup: ExecutableLookup) throws(AgentError) -> Invocation {
        try request.check()
        return switch kind {
        case .claude: try claudeInvocation(request, lookup)
        case .demo: try demoInvocation(request, lookup)
        case .template(let template): try template.invocation(of: self, request, lookup)
        }
    }

    /// Only whether the agent's program can be had, for `agent check` and before a task is queued.
    package func executable(_ lookup: ExecutableLookup) throws(AgentError) -> AgentExecutable {
        switch kind {
        case .claude: try lookup.find("claude", hint: Self.claudeHint)
        case .demo: try demoExecutable(lookup)
        case .template(let template):
            try lookup.find(template.arguments.first ?? "", hint: "install it, or correct argv of [agents.\(name)]")
        }
    }
}
