import ArgumentParser
import Foundation
import MCPClients
import Policy
import Store
import Supervision

/// `claudine mcp install`: tells clients to start `claudine mcp`.
struct InstallMCP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install",
        abstract: "Tell Claude Code, Codex, Cursor, VS Code or Gemini CLI to start this server.",
        discussion: """
            Shows what would change in their configuration files and asks before anything is written. Whatever else is in a file stays as \
            it is; an entry of that name keeps everything but its command and arguments. Without --client it is all that are found \
            on this machine. What follows -- is options for claudine mcp, for example: claudine mcp install -- --max-policy strict
            """)

    @OptionGroup var clients: ClientOptions

    @Flag(help: "Print what belongs into each file, and change nothing.")
    var print = false

    @OptionGroup var configuration: ConfigurationOptions
    @OptionGroup var state: StateOptions

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("Options of claudine mcp, behind --.", valueName: "options"))
    var serverOptions: [String] = []

    func run() async throws {
        let entry = try entry()
        let variables = try variables()
        let chosen = try clients.chosen()
        guard print else {
            let changes = try chosen.map { choice throws(SetupError) in
                let place = try choice.client.place(clients.scope, of: clients.name, in: clients.surroundings)
                return try Change.installing(entry, in: choice.client, at: place, variables: variables)
            }
            return try ChangesToFiles(changes: changes, options: clients).settle()
        }
        let texts = try chosen.map { choice throws(SetupError) in
            let place = try choice.client.place(clients.scope, of: clients.name, in: clients.surroundings)
            let text = ClientConfiguration(choice.client, place, variables: variables).text(entry)
            return Fragment(client: choice.client.rawValue, file: place.file, text: text)
        }
        try show(texts)
    }

    private struct Fragment: Encodable {
        var client: String
        var file: String
        var text: String
    }

    /// Where each belongs goes to standard error: standard output is to be pasted or piped.
    private func show(_ fragments: [Fragment]) throws {
        guard !clients.json else { return try Answer(asJSON: true).write(["clients": fragments]) { "" } }
        for fragment in fragments {
            StandardError.say("\(fragment.client): \(fragment.file)")
            try StandardOutput.write(fragment.text)
        }
    }

    /// Directories that were chosen here are part of it: a client that is started elsewhere has another environment.
    private func entry() throws -> ServerEntry {
        var arguments: [String] = []
        if state.stateDir != nil || Environment.current["CLAUDINE_STATE_DIR"]?.isEmpty == false {
            arguments += ["--state-dir", try state.paths().directory]
        }
        if let directory = try configuration.environment["CLAUDINE_CONFIG_DIR"], !directory.isEmpty {
            arguments += ["--config", URL(fileURLWithPath: directory).path]
        }
        try checkNoSecret()
        return ServerEntry(command: try ProgramLocation.own(), arguments: arguments + ["mcp"] + serverOptions)
    }

    /// The files are for everybody's eyes, some of them under version control.
    private func checkNoSecret() throws {
        let values = Self.credentials.compactMap { Environment.current[$0] }.filter { $0.count >= 8 } + ["sk-ant-"]
        guard serverOptions.contains(where: { word in values.contains { word.contains($0) } }) else { return }
        throw Failure(
            "usage", "An option has a key in it, which is not to stand in a client's file.",
            hint: "config.toml says where the key is: [gateway] credential", exitCode: ExitCodes.usage)
    }

    private static let credentials = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"]

    /// The names of all that is looked at for the credential, the upstream and the directories.
    private func variables() throws -> [String] {
        var names = Self.credentials + ["ANTHROPIC_BASE_URL", "XDG_CONFIG_HOME", "XDG_STATE_HOME"]
        let credential = try configuration.places().read().settings.credential
        if credential.hasPrefix("env:"), !names.contains(String(credential.dropFirst(4))) {
            names.append(String(credential.dropFirst(4)))
        }
        return names
    }
}

/// `claudine mcp uninstall`
struct UninstallMCP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Take this server out of clients' configuration files again.",
        discussion: """
            A file to which only the server had been added is afterwards, byte for byte, what it was before; one that had been made for it \
            is removed. Shows what would change and asks, as install does.
            """)

    @OptionGroup var clients: ClientOptions

    func run() async throws {
        let changes = try clients.chosen().map { choice throws(SetupError) in
            let place = try choice.client.place(clients.scope, of: clients.name, in: clients.surroundings)
            return try Change.uninstalling(choice.client, at: place)
        }
        try ChangesToFiles(changes: changes, options: clients).settle()
    }
}
