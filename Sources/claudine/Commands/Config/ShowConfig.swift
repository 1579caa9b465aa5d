import Agents
import ArgumentParser
import Policy
import Store

/// `claudine config show`: the configuration file as it stands, or every key with its value.
struct ShowConfig: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print the configuration file in force, or what it comes to.",
        discussion: "--effective prints every key with its value, and whether the file says so or it is the default.")

    @Flag(help: "Every key with its value and where that comes from.")
    var effective = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        let places = try configuration.places()
        guard !effective else {
            let answer = EffectiveConfiguration(try places.read(), file: places.file)
            return try Answer(asJSON: json).write(answer) { answer.text }
        }
        let text = try places.text()
        let answer: JSONValue = ["file": places.file.map(JSONValue.string) ?? .null, "text": .string(text)]
        try Answer(asJSON: json).write(answer) {
            guard let file = places.file else { return "# no config.toml: everything has its default\n" }
            return "# \(file.oneLine)\n\(text)" + (text.hasSuffix("\n") || text.isEmpty ? "" : "\n")
        }
    }
}

/// Every key of the configuration, those of its agents included, with its value.
private struct EffectiveConfiguration: Encodable {
    struct Key: Encodable {
        var key: String
        /// Absent where there is none.
        var value: ConfigurationValue?
        /// In the file; absent where the file does not say it.
        var line: Int?
        /// What holds in that case, where it is no fixed value.
        var standard: String?

        enum CodingKeys: String, CodingKey {
            case key, value, line
            case standard = "default"
        }
    }

    var file: String?
    var keys: [Key]

    init(_ configuration: Configuration, file: String?) {
        self.file = file
        let settings = configuration.settings
        keys = ConfigurationKey.all.map { key in
            let line = settings.line(of: key.name)
            return Self.key(key.name, key.value(settings), line, standard: line == nil ? key.standard : nil)
        }
        for agent in configuration.agents.all {
            keys += Self.settings(of: agent).map { key, value in
                let name = "agents.\(agent.name).\(key)"
                return Self.key(name, value, settings.line(of: name), standard: nil)
            }
        }
    }

    private static func key(_ name: String, _ value: ConfigurationValue, _ line: Int?, standard: String?) -> Key {
        // A default that is a value like any other needs no words.
        let words = standard.flatMap { $0 == "`\(value.toml)`" ? nil : $0.replacing("`", with: "") }
        return Key(key: name, value: value == .none ? nil : value, line: line, standard: words)
    }

    /// None of a built-in agent, whose command line is no configuration.
    private static func settings(of agent: AgentDefinition) -> [(String, ConfigurationValue)] {
        guard case .template(let template) = agent.kind else { return [] }
        return [
            ("argv", .list(template.arguments)), ("prompt", .text(template.prompt.rawValue)),
            ("result", .text(agent.format.rawValue)),
            ("model", template.defaultModel.map(ConfigurationValue.text) ?? .none),
            ("env", .list(agent.environmentNames)),
        ]
    }

    var text: String {
        let head = "# \(file?.oneLine ?? "no config.toml: everything has its default")\n"
        return head
            + TextTable(
                head: ["KEY", "VALUE", "FROM"],
                rows: keys.map { key in
                    [
                        .init(key.key), .init((key.value?.toml ?? "-").oneLine.shortened(to: 80)),
                        .init(key.line.map { "line \($0)" } ?? key.standard.map { "default: \($0)" } ?? "default"),
                    ]
                }
            ).text
    }
}
