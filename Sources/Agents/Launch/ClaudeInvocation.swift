extension AgentDefinition {
    static let claudeHint =
        "install Claude Code (npm install -g @anthropic-ai/claude-code, or the native installer) and see that "
        + "`claude --version` works, or choose another agent with --agent"

    /// Bytes; a single argument may have 128 KiB (MAX_ARG_STRLEN), and the environment shares the space with it.
    static let longestArgumentPrompt = 64 << 10

    /// The headless worker: one prompt, one stream of JSON lines, nothing from the workspace's own settings, no questions asked.
    func claudeInvocation(_ request: AgentRequest, _ lookup: ExecutableLookup) throws(AgentError) -> Invocation {
        let executable = try executable(lookup)
        var arguments = [
            "-p", "--output-format", "stream-json", "--verbose",
            // In -p mode nobody is asked to trust a repository: its hooks, servers and redirections must not be read at all.
            "--setting-sources", "user", "--strict-mcp-config",
            // The cage is what permits; a question would wait for ever.
            "--dangerously-skip-permissions",
        ]
        switch request.session {
        case .new(let id): arguments += ["--session-id", id]
        case .resume(let id): arguments += ["--resume", id]
        }
        if let model = request.model { arguments += ["--model", model] }
        if let turns = request.maxTurns { arguments += ["--max-turns", String(turns)] }
        if let budget = request.budgetUsd { arguments += ["--max-budget-usd", Self.dollars(budget)] }
        let inArgument = Self.fitsArgument(request.prompt)
        if inArgument { arguments += ["--", request.prompt] }
        return Invocation(
            executable: executable, arguments: executable.prefix + arguments, environment: Self.claudeEnvironment,
            environmentNames: environmentNames, standardInput: inArgument ? .none : .bytes(Array(request.prompt.utf8)),
            files: executable.files, format: format)
    }

    /// Not what is too long, looks like an option, or is one word, which the command line takes for a subcommand even behind `--`.
    private static func fitsArgument(_ prompt: String) -> Bool {
        prompt.utf8.count <= longestArgumentPrompt && !prompt.hasPrefix("-") && prompt.contains(where: \.isWhitespace)
    }

    /// Claude Code's own switches; where the cage and its gateway are is the same in every cage.
    private static let claudeEnvironment = [
        "ANTHROPIC_BASE_URL": "http://localhost",
        "ANTHROPIC_UNIX_SOCKET": "/run/claudine/api.sock",
        // The gateway puts the real one in its place; without any, claude asks for a login instead of sending a request.
        "ANTHROPIC_API_KEY": "claudine-placeholder",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
    ]

    /// Plain decimal notation, at most 6 places, without an exponent; never rounded to nothing.
    static func dollars(_ amount: Double) -> String {
        let millionths = max(1, Int((amount * 1_000_000).rounded()))
        let fraction = String(millionths % 1_000_000)
        let places = (String(repeating: "0", count: 6 - fraction.count) + fraction).reversed().drop { $0 == "0" }
            .reversed()
        let whole = String(millionths / 1_000_000)
        return places.isEmpty ? whole : "\(whole).\(String(places))"
    }
}
