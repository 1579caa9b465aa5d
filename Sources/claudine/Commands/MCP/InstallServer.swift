import ArgumentParser
import Foundation
import MCPClients
import Store
import Supervision

/// How the server is started by whoever is told to.
struct ServerOptions: ParsableArguments {
    @OptionGroup var configuration: ConfigurationOptions
    @OptionGroup var state: StateOptions

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("Options of claudine mcp, behind --.", valueName: "options"))
    var serverOptions: [String] = []

    /// This very program. Directories that were chosen here are part of it: a client that is started elsewhere has another environment.
    ///
    /// - Throws: also what would keep the server from starting, as far as its options are the reason.
    func entry() throws -> ServerEntry {
        try checkNoSecret()
        var places: [String] = []
        if state.stateDir != nil || Environment.current["CLAUDINE_STATE_DIR"]?.isEmpty == false {
            places += ["--state-dir", try state.paths().directory]
        }
        if let directory = try configuration.environment["CLAUDINE_CONFIG_DIR"], !directory.isEmpty {
            places += ["--config", URL(fileURLWithPath: directory).path]
        }
        try check(places)
        return ServerEntry(command: try ProgramLocation.own(), arguments: places + ["mcp"] + serverOptions)
    }

    private func check(_ places: [String]) throws {
        var server: ServeMCP
        do {
            server = try ServeMCP.parse(places + serverOptions)
        } catch {
            throw Failure.usage("Behind --: \(ServeMCP.message(for: error))", usage: "options of claudine mcp serve")
        }
        guard server.http == nil, server.socket == nil else {
            throw Failure.usage(
                "Behind --: a client that starts the server speaks to it over its standard streams, not elsewhere.",
                usage: "claudine mcp install, without --http and --socket")
        }
        for path in server.root + [server.state.stateDir, server.configuration.config].compactMap(\.self) {
            guard path.hasPrefix("/") else {
                throw Failure.usage(
                    "Behind --: '\(path)' has to be an absolute path, for a client starts the server elsewhere.",
                    usage: "claudine mcp install -- --root \"$PWD\"")
            }
        }
        // Without one it is where the client will start it, wherever that may be.
        if server.root.isEmpty { server.root = ["/"] }
        _ = try server.delegation()
    }

    /// The files are for everybody's eyes, some of them under version control.
    private func checkNoSecret() throws {
        let values = Self.credentials.compactMap { Environment.current[$0] }.filter { $0.count >= 8 } + ["sk-ant-"]
        guard serverOptions.contains(where: { word in values.contains { word.contains($0) } }) else { return }
        throw Failure(
            "usage", "An option has a key in it, which is not to stand in a client's file.",
            hint: "config.toml says where the key is: [gateway] credential", exitCode: ExitCodes.usage)
    }

    static let credentials = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"]
}
