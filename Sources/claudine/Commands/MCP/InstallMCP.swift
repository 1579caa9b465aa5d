import ArgumentParser
import MCPClients
import Policy
import Store

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

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let entry = try server.entry()
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

    /// The names of all that is looked at for the credential, the upstream and the directories.
    private func variables() throws -> [String] {
        var names = ServerOptions.credentials + ["ANTHROPIC_BASE_URL", "XDG_CONFIG_HOME", "XDG_STATE_HOME"]
        let credential = try server.configuration.places().read().settings.credential
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
