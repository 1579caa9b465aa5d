import ArgumentParser
import Policy

/// `claudine config reference`: the generated part of docs/configuration.md, between its marks.
struct ConfigReference: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Print the table of docs/configuration.md.", shouldDisplay: false)

    func run() throws {
        let sections = ConfigurationKey.sections.map { section in
            "### `[\(section)]`\n\n| key | may be | default | decides |\n|---|---|---|---|\n"
                + ConfigurationKey.all.filter { $0.section == section }.map { key in
                    "| `\(key.key)` | \(key.accepted) | \(key.standard) | \(key.meaning) |\n"
                }.joined()
        }
        try StandardOutput.write(
            "<!-- keys: begin -->\n\n\(sections.joined(separator: "\n"))\n<!-- keys: end -->\n")
    }
}
