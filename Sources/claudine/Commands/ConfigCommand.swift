import Agents
import ArgumentParser
import Gateway
import Policy
import Store

/// `claudine config`
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show and check the configuration.",
        subcommands: [Path.self, Show.self, Check.self])
}

extension ConfigCommand {
    /// Where things are read from and kept.
    struct Path: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "path", abstract: "Print where configuration and state are.")

        @Flag(help: "Print one JSON object.")
        var json = false

        @OptionGroup var configuration: ConfigurationOptions
        @OptionGroup var state: StateOptions

        func run() throws {
            let places = try configuration.places()
            let answer = Places(
                directories: places.directories, file: places.file, state: try state.paths().directory)
            try Answer(asJSON: json).write(answer) {
                places.directories.map { "configuration  \($0)\n" }.joined()
                    + "file           \(places.file ?? "none, everything has its default")\n"
                    + "state          \(answer.state)\n"
            }
        }

        private struct Places: Encodable {
            var directories: [String]
            var file: String?
            var state: String
        }
    }

    /// The configuration file that is in force, as it stands.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print the configuration file in force.")

        @Flag(help: "Print one JSON object.")
        var json = false

        @OptionGroup var configuration: ConfigurationOptions

        func run() throws {
            let places = try configuration.places()
            let text = try places.text()
            let answer: JSONValue = ["file": places.file.map(JSONValue.string) ?? .null, "text": .string(text)]
            try Answer(asJSON: json).write(answer) {
                guard let file = places.file else { return "# no config.toml: everything has its default\n" }
                return "# \(file)\n\(text)" + (text.hasSuffix("\n") || text.isEmpty ? "" : "\n")
            }
        }
    }

    /// Whether everything that would be read can be.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Check the configuration file and every policy.",
            discussion: "Exits with 78 when something is invalid.")

        @Flag(help: "Print one JSON object.")
        var json = false

        @OptionGroup var configuration: ConfigurationOptions

        func run() throws {
            let places = try configuration.places()
            let read = try places.read()
            try check(read.settings, places.file)
            let agents = read.agents.all.map(\.name)
            let policies = try places.policies.list().map { try $0.result.get().policy.name }
            let answer: JSONValue = [
                "file": places.file.map(JSONValue.string) ?? .null,
                "agents": .array(agents.map(JSONValue.string)), "policies": .array(policies.map(JSONValue.string)),
            ]
            try Answer(asJSON: json).write(answer) {
                "ok: \(places.file ?? "no config.toml"), \(agents.count) agents, \(policies.count) policies\n"
            }
        }

        /// What a run would only find out when it needs its gateway.
        private func check(_ settings: OperatorConfiguration, _ file: String?) throws(Failure) {
            do throws(GatewayError) {
                if let upstream = settings.upstream { _ = try UpstreamAddress.parse(upstream) }
                let environment = Environment.current
                _ = try CredentialSource.parse(settings.credential)
                    .resolve(environment: environment, home: environment["HOME"])
            } catch {
                throw Failure(
                    error.code, "\(file ?? "config.toml"): [gateway]: \(error.message).", hint: error.hint,
                    exitCode: ExitCodes.configuration)
            }
        }
    }
}
