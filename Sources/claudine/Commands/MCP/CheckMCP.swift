import ArgumentParser
import Foundation
import MCP
import MCPClients
import Store

/// `claudine mcp check`: whether the server works, by being its client, and whether the clients here would start it.
struct CheckMCP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Start the server as a client does, ask it something, and look who is told about it.",
        discussion: """
            Connects by every version of the protocol, lists the tools, calls those that change nothing, and says how long that took. Then \
            looks for the server in the configuration files of the clients on this machine. Exits with 1 when something does not work.
            """)

    @Option(help: ArgumentHelp("What the clients call the server.", valueName: "name"))
    var name = "claudine"

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        let entry = try server.entry()
        let surroundings = Surroundings(
            environment: Environment.current, directory: FileManager.default.currentDirectoryPath)
        let report = Report(
            server: entry.command, protocol: ProtocolVersion.allCases.reversed().map { ServerCheck.of($0, entry) },
            clients: try ClientCheck.all(server: name, entry, in: surroundings))
        try Answer(asJSON: json).write(report) { report.text }
        if !report.isWorking { throw ExitCode(ExitCodes.no) }
    }

    struct Report: Encodable {
        var server: String
        var `protocol`: [ServerCheck]
        var clients: [ClientCheck]

        var isWorking: Bool { `protocol`.allSatisfy { $0.problem == nil } && !clients.contains { $0.state.isBad } }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(isWorking, forKey: .working)
            try container.encode(server, forKey: .server)
            try container.encode(`protocol`, forKey: .protocol)
            try container.encode(clients, forKey: .clients)
        }

        private enum CodingKeys: CodingKey {
            case working, server, `protocol`, clients
        }

        var text: String {
            let rows = `protocol`.map(\.row) + clients.map(\.row)
            return "\(server.oneLine)\n" + TextTable(head: ["", "WHAT", "HOW"], rows: rows).text
        }
    }
}
