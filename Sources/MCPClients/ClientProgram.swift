/// A program that speaks the Model Context Protocol and can be told by a file which servers there are.
package enum ClientProgram: String, CaseIterable, Sendable {
    case claude, codex, cursor, vscode, gemini

    package var title: String {
        switch self {
        case .claude: "Claude Code"
        case .codex: "Codex"
        case .cursor: "Cursor"
        case .vscode: "VS Code"
        case .gemini: "Gemini CLI"
        }
    }

    /// What its program is called.
    var program: String {
        switch self {
        case .claude, .codex, .cursor, .gemini: rawValue
        case .vscode: "code"
        }
    }

    /// For whom a configuration holds.
    package enum Scope: String, CaseIterable, Sendable {
        /// This user, everywhere.
        case user
        /// Everybody who works in this directory: a file in it.
        case project
        /// This user in this project: Claude Code alone has it.
        case local
    }

    /// Where a client looks for a server.
    package struct Place: Hashable, Sendable {
        package enum Syntax: Hashable, Sendable {
            /// Under a path of names, the last of which is that of the server.
            case json(path: [String], hasComments: Bool)
            case toml(table: [String])
        }

        /// The user's directory or the project's, and what is below it.
        var base: String
        var below: String
        package var syntax: Syntax
        /// Whether it is for others, too.
        var isShared = false

        package var file: String { base + below }
    }
}

extension ClientProgram {
    /// Where it is configured, by its documentation:
    ///
    /// - Claude Code: https://code.claude.com/docs/en/mcp, "MCP installation scopes", and what `claude mcp add` of 2.1.330 writes: the entry
    ///   of a project is that of the main working tree of its repository. It reads no comments.
    /// - Codex: https://developers.openai.com/codex/mcp, and `CODEX_HOME`; a project's file is read when the project is trusted.
    /// - Cursor: https://cursor.com/docs/context/mcp
    /// - VS Code: https://code.visualstudio.com/docs/copilot/reference/mcp-configuration; a user's profile is in the directory that
    ///   XDG_CONFIG_HOME names.
    /// - Gemini CLI: https://geminicli.com/docs/tools/mcp-server and its `GEMINI_CLI_HOME`
    package func place(_ scope: Scope, of server: String, in surroundings: Surroundings) throws(SetupError) -> Place {
        var place = try file(scope, of: server, in: surroundings)
        place.isShared = scope == .project
        return place
    }

    private func file(_ scope: Scope, of server: String, in surroundings: Surroundings) throws(SetupError) -> Place {
        let servers = ["mcpServers", server]
        let table = Place.Syntax.toml(table: ["mcp_servers", server])
        switch (self, scope) {
        case (.claude, .user): return json(try ownDirectory(surroundings), "/.claude.json", servers, hasComments: false)
        case (.claude, .local):
            let path = try ["projects", surroundings.mainWorkingTree] + servers
            return json(try ownDirectory(surroundings), "/.claude.json", path, hasComments: false)
        case (.claude, .project): return json(try surroundings.project, "/.mcp.json", servers, hasComments: false)
        case (.codex, .user): return Place(base: try ownDirectory(surroundings), below: "/config.toml", syntax: table)
        case (.codex, .project):
            return Place(base: try surroundings.project, below: "/.codex/config.toml", syntax: table)
        case (.cursor, .user): return json(try ownDirectory(surroundings), "/.cursor/mcp.json", servers)
        case (.cursor, .project): return json(try surroundings.project, "/.cursor/mcp.json", servers)
        case (.vscode, .user): return json(try ownDirectory(surroundings), "/Code/User/mcp.json", ["servers", server])
        case (.vscode, .project): return json(try surroundings.project, "/.vscode/mcp.json", ["servers", server])
        case (.gemini, .user): return json(try ownDirectory(surroundings), "/.gemini/settings.json", servers)
        case (.gemini, .project): return json(try surroundings.project, "/.gemini/settings.json", servers)
        case (_, .local):
            throw SetupError(
                .unsupported, "\(title) has no configuration of the scope 'local'.",
                hint: "choose --scope user or project, or --client claude")
        }
    }

    private func json(_ base: String, _ below: String, _ path: [String], hasComments: Bool = true) -> Place {
        Place(base: base, below: below, syntax: .json(path: path, hasComments: hasComments))
    }

    /// Where it keeps what is its user's.
    private func ownDirectory(_ surroundings: Surroundings) throws(SetupError) -> String {
        switch self {
        case .claude: try surroundings.directory(named: "CLAUDE_CONFIG_DIR", otherwise: "")
        case .codex: try surroundings.directory(named: "CODEX_HOME", otherwise: "/.codex")
        case .cursor: try surroundings.home
        case .vscode: try surroundings.directory(named: "XDG_CONFIG_HOME", otherwise: "/.config")
        case .gemini: try surroundings.directory(named: "GEMINI_CLI_HOME", otherwise: "")
        }
    }

    /// What shows that it is on this machine: a file or directory of its own, or its program; nil where nothing does.
    package func trace(in surroundings: Surroundings) throws(SetupError) -> String? {
        let directory = try ownDirectory(surroundings)
        let own: [String] =
            switch self {
            case .claude: [directory + "/.claude.json", try surroundings.home + "/.claude"]
            case .codex: [directory]
            case .cursor: [directory + "/.cursor"]
            case .vscode: [directory + "/Code"]
            case .gemini: [directory + "/.gemini"]
            }
        return own.first(where: Surroundings.exists) ?? surroundings.executable(program)
    }
}
