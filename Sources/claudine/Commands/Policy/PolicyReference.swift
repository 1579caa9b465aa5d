import ArgumentParser
import Policy

/// `claudine policy reference`: the generated parts of docs/policies.md, between their marks.
struct PolicyReference: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Print the tables of docs/policies.md.", shouldDisplay: false)

    func run() throws {
        let library = PolicyLibrary(directories: [])
        let policies = try PolicyLibrary.builtInNames.map { try library.load($0).policy }
        let parts = [("policies", Self.comparison(policies)), ("fields", Self.fields()), ("sets", Self.sets())]
        for (name, text) in parts {
            try StandardOutput.write("<!-- \(name): begin -->\n\n\(text)\n<!-- \(name): end -->\n")
        }
    }

    /// Every field of every built-in policy.
    private static func comparison(_ policies: [Policy]) -> String {
        let head = "| field |" + policies.map { " `\($0.name)` |" }.joined()
        let rows = PolicyField.all.map { field in
            let values = policies.map { policy -> String in
                let text = field.text(policy)
                guard !text.isEmpty, text != "[]", text != "{}" else { return "–" }
                let names = text.split(separator: ",").count
                return text.count > 60 ? "\(names) names" : cell(text.replacing("\"", with: ""))
            }
            return "| `\(field.key)` |" + values.map { " \($0) |" }.joined()
        }
        return ([head, "|---|" + policies.map { _ in "---|" }.joined()] + rows).map { $0 + "\n" }.joined()
    }

    /// What the table of fields says about each.
    private static func fields() -> String {
        var sections: [String] = []
        for field in PolicyField.all where !sections.contains(field.section) { sections.append(field.section) }
        return sections.map { section in
            let title = section.isEmpty ? "### Top" : "### `[\(section)]`"
            let rows = PolicyField.all.filter { $0.section == section }.map { field in
                let cells = [field.values, field.meaning, field.mechanism, field.failure, field.stricter]
                return "| `\(field.name)` |" + cells.map { " \(cell($0)) |" }.joined() + "\n"
            }
            return "\(title)\n\n| field | values | decides | mechanism | when it is hit or missing | stricter |\n"
                + "|---|---|---|---|---|---|\n" + rows.joined()
        }.joined(separator: "\n")
    }

    private static func sets() -> String {
        var text = "| in `filesystem.deny` | what it is | paths |\n|---|---|---|\n"
        for set in HiddenSet.allCases {
            // Others' contents stand in their own rows.
            let inner = HiddenSet.allCases.filter { $0 != set }.flatMap(\.paths)
            let own = set == .secrets ? set.paths.filter { !inner.contains($0) } : set.paths
            text += "| `\(set.rawValue)` | \(set.meaning) | `\(own.joined(separator: " "))` |\n"
        }
        text += "\n| in `workspace.protect` | what it is | names |\n|---|---|---|\n"
        for set in ProtectedSet.allCases {
            text += "| `\(set.rawValue)` | \(set.meaning) | `\(set.names.joined(separator: " "))` |\n"
        }
        return text
    }

    private static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }
}
