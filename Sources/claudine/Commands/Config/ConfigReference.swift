import ArgumentParser
import Policy
import Supervision

/// `claudine config reference`: the generated parts of docs/configuration.md, between their marks.
struct ConfigReference: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Print the tables of docs/configuration.md.", shouldDisplay: false)

    func run() throws {
        for (name, text) in [("keys", Self.keys()), ("log", Self.log())] {
            try StandardOutput.write("<!-- \(name): begin -->\n\n\(text)\n<!-- \(name): end -->\n")
        }
    }

    private static func keys() -> String {
        ConfigurationKey.sections.map { section in
            "### `[\(section)]`\n\n| key | may be | default | decides |\n|---|---|---|---|\n"
                + ConfigurationKey.all.filter { $0.section == section }.map { key in
                    "| `\(key.key)` | \(key.accepted) | \(key.standard) | \(key.meaning) |\n"
                }.joined()
        }.joined(separator: "\n")
    }

    private static func log() -> String {
        "| `event` | `level` | `message` |\n|---|---|---|\n"
            + Log.Event.Kind.allCases.map { "| `\($0.rawValue)` | \($0.level.rawValue) | \($0.sentence) |\n" }.joined()
    }
}
