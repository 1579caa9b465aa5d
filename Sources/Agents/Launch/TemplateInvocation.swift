extension AgentTemplate {
    func invocation(
        of agent: AgentDefinition, _ request: AgentRequest, _ lookup: ExecutableLookup
    ) throws(AgentError) -> Invocation {
        let executable = try agent.executable(lookup)
        try checkAsked(request, agent.name)
        let file = MaterialisedFile(name: "prompt", bytes: Array(request.prompt.utf8))
        let model = request.model ?? defaultModel ?? ""
        var rest: [String] = []
        for argument in arguments.dropFirst() {
            if prompt == .argument { try checkPrompt(request.prompt, in: argument, after: rest, agent.name) }
            rest.append(
                Self.replace(
                    in: argument,
                    [
                        .prompt: prompt == .file ? file.path : request.prompt, .model: model,
                        .workspace: request.workspace,
                    ]))
        }
        return Invocation(
            executable: executable, arguments: executable.prefix + rest, environment: [:],
            environmentNames: agent.environmentNames,
            standardInput: prompt == .stdin ? .bytes(Array(request.prompt.utf8)) : .none,
            files: executable.files + (prompt == .file ? [file] : []), format: agent.format)
    }

    /// What was asked for and cannot be handed on is refused, not forgotten.
    private func checkAsked(_ request: AgentRequest, _ name: String) throws(AgentError) {
        if request.model != nil, !uses(.model) {
            throw AgentError(
                .usage, "the agent \(name) takes no model", hint: "put {model} into argv of [agents.\(name)]")
        }
        if request.model == nil, defaultModel == nil, uses(.model) {
            throw AgentError(
                .usage, "the agent \(name) needs a model",
                hint: "give one with --model, or a default as `model` in [agents.\(name)]")
        }
        if request.maxTurns != nil { throw AgentError(.usage, "the agent \(name) knows no limit of turns") }
        if request.budgetUsd != nil { throw AgentError(.usage, "the agent \(name) knows no budget") }
        if case .resume = request.session { throw AgentError(.usage, "the agent \(name) cannot resume a session") }
    }

    private func checkPrompt(
        _ prompt: String, in argument: String, after before: [String], _ name: String
    ) throws(AgentError) {
        guard argument.contains(Place.prompt.rawValue) else { return }
        let hint = "set prompt = \"stdin\" or \"file\" in [agents.\(name)]"
        if prompt.utf8.count > AgentDefinition.longestArgumentPrompt {
            throw AgentError(
                .argumentTooLong,
                "the agent \(name) takes its prompt as an argument, which may have "
                    + "\(AgentDefinition.longestArgumentPrompt) bytes; this one has \(prompt.utf8.count)",
                hint: hint)
        }
        if argument.hasPrefix(Place.prompt.rawValue), prompt.hasPrefix("-"), before.last != "--" {
            throw AgentError(
                .usage, "the prompt begins with \"-\", which the agent \(name) would take for an option",
                hint: "put \"--\" before \"{prompt}\" in argv, or \(hint)")
        }
    }

    /// One pass, so that a prompt that contains `{model}` stays as it is.
    private static func replace(in argument: String, _ values: [Place: String]) -> String {
        var result = ""
        var rest = argument[...]
        while let brace = rest.firstIndex(of: "{") {
            result += rest[..<brace]
            rest = rest[brace...]
            if let place = Place.allCases.first(where: { rest.hasPrefix($0.rawValue) }) {
                result += values[place] ?? ""
                rest = rest.dropFirst(place.rawValue.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result + rest
    }
}
