import Agents
import ArgumentParser
import Foundation
import Store

/// `claudine agent`
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent", abstract: "Show and check the agents that can be run.",
        subcommands: [ListAgents.self, Check.self])
}

extension AgentCommand {
    /// What can be named with `--agent`.
    struct ListAgents: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Show the known agents.")

        @Flag(help: "Print one JSON object.")
        var json = false

        @OptionGroup var configuration: ConfigurationOptions

        func run() throws {
            let agents = try configuration.places().read().agents.all
            let answer = ["agents": agents.map { ["name": $0.name, "summary": $0.summary] }]
            try Answer(asJSON: json).write(answer) {
                TextTable(
                    head: ["AGENT", "WHAT"], rows: agents.map { [.init($0.name), .init($0.summary.oneLine)] }
                ).text
            }
        }
    }

    /// Whether an agent's program is here.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Check whether the agents' programs can be had.",
            discussion: "Exits with 1 when one of those that were named cannot.")

        @Argument(help: ArgumentHelp("Agents; without any, all of them are shown.", valueName: "name"))
        var names: [String] = []

        @Flag(help: "Print one JSON object.")
        var json = false

        @OptionGroup var configuration: ConfigurationOptions

        func run() throws {
            let library = try configuration.places().read().agents
            let agents = try names.isEmpty ? library.all : names.map { try library.agent($0) }
            let environment = Environment.current
            let lookup = ExecutableLookup(
                path: environment["PATH"] ?? "", home: environment["HOME"] ?? "/",
                workingDirectory: FileManager.default.currentDirectoryPath)
            let findings = agents.map { Self.finding($0, lookup) }
            try Answer(asJSON: json).write(["agents": findings]) {
                TextTable(head: ["AGENT", "PROGRAM"], rows: findings.map(\.row)).text
            }
            if !names.isEmpty, findings.contains(where: { $0.path == nil }) { throw ExitCode(ExitCodes.no) }
        }

        private static func finding(_ agent: AgentDefinition, _ lookup: ExecutableLookup) -> Finding {
            do {
                let executable = try agent.executable(lookup)
                return Finding(name: agent.name, path: executable.visible.first ?? executable.path)
            } catch {
                return Finding(
                    name: agent.name, code: error.code.rawValue, message: error.message, hint: error.hint)
            }
        }
    }

    /// What is known about one agent's program.
    private struct Finding: Encodable {
        var name: String
        var path: String?
        var code: String?
        var message: String?
        var hint: String?

        var row: [TextTable.Cell] {
            let problem = [code.map { "[\($0)]" }, message, hint].compactMap { $0 }.joined(separator: " ").oneLine
            return [.init(name), path.map { .init($0.oneLine) } ?? .init(problem, .red)]
        }
    }
}
