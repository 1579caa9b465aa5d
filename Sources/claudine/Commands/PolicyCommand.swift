import ArgumentParser
import Policy
import Store

/// `claudine policy`
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Show and check policies.",
        subcommands: [ListPolicies.self, Show.self, Check.self])
}

extension PolicyCommand {
    /// What can be named with `--policy`.
    struct ListPolicies: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Show the known policies.")

        @Flag(help: "Print one JSON object.")
        var json = false

        @OptionGroup var configuration: ConfigurationOptions

        func run() throws {
            let entries = try configuration.places().policies.list().map(Entry.init)
            try Answer(asJSON: json).write(["policies": entries]) {
                TextTable(head: ["POLICY", "FROM", "WHAT"], rows: entries.map(\.row)).text
            }
        }
    }

    /// One policy, as text or as values.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "show", abstract: "Print a policy.")

        @Argument(help: ArgumentHelp("A policy's name, or a file (with a / or .toml in it).", valueName: "name"))
        var name: String

        @Flag(help: "As the file has it (the default).")
        var toml = false

        @Flag(help: "As values, after everything it extends.")
        var json = false

        @OptionGroup var configuration: ConfigurationOptions

        func validate() throws {
            if toml && json { throw ValidationError("--toml and --json exclude each other") }
        }

        func run() throws {
            let loaded = try configuration.places().policies.load(name)
            try Answer(asJSON: json).write(loaded.policy) {
                loaded.text + (loaded.text.hasSuffix("\n") ? "" : "\n")
            }
        }
    }

    /// Whether a policy is valid.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Check a policy, or all of them.", discussion: "Exits with 78 when one is invalid.")

        @Argument(help: ArgumentHelp("A policy's name or a file; without it, all policies.", valueName: "name"))
        var name: String?

        @Flag(help: "Print one JSON object.")
        var json = false

        @OptionGroup var configuration: ConfigurationOptions

        func run() throws {
            let library = try configuration.places().policies
            let loaded = try name.map { [try library.load($0)] } ?? library.list().map { try $0.result.get() }
            let answer = ["policies": loaded.map { ["name": $0.policy.name, "source": $0.source.description] }]
            try Answer(asJSON: json).write(answer) {
                loaded.map { "ok: \($0.policy.name) (\($0.source.description.oneLine))\n" }.joined()
            }
        }
    }

    /// A policy that can be named, or why it cannot be loaded.
    private struct Entry: Encodable {
        var name: String
        var source: String?
        var description: String?
        var error: String?

        init(name: String, result: Result<LoadedPolicy, PolicyError>) {
            self.name = name
            switch result {
            case .success(let loaded):
                source = loaded.source.description
                description = loaded.policy.description
            case .failure(let failure):
                error = failure.description
            }
        }

        var row: [TextTable.Cell] {
            [
                .init(name), .init((source ?? "-").oneLine),
                error.map { .init($0.oneLine, .red) } ?? .init((description ?? "").oneLine),
            ]
        }
    }
}
