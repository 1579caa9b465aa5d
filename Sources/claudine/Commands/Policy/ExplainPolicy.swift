import ArgumentParser
import Foundation
import Policy
import Store
import Supervision

/// `claudine policy explain`: what one key of a policy means and does.
struct ExplainPolicy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what a key of a policy means, what enforces it, and where it is written.",
        discussion: "A table, such as limits or filesystem, stands for all its keys.")

    @Argument(
        help: ArgumentHelp("A policy's name or a file.", valueName: "name"),
        completion: .list(PolicyLibrary.builtInNames))
    var name: String

    @Argument(
        help: ArgumentHelp("A key, as in limits.memory, or a table.", valueName: "key"),
        completion: .list(PolicyField.all.map(\.key)))
    var key: String

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions
    @OptionGroup var state: StateOptions

    func run() throws {
        let setting = try PolicySetting(configuration, state)
        let loaded = try setting.policies.load(name)
        let fields = PolicyField.all.filter { $0.key == key || $0.key.hasPrefix(key + ".") }
        guard !fields.isEmpty else { throw Self.unknown(key) }
        let enforcement = try setting.enforcement.map {
            Enforcement(loaded.policy, workspace: try setting.workspace(nil), $0)
        }
        let explanations = fields.map { Explanation($0, loaded, enforcement) }
        try Answer(asJSON: json).write(Explained(policy: loaded.policy.name, fields: explanations)) {
            explanations.map(\.text).joined(separator: "\n")
        }
    }

    private struct Explained: Encodable {
        var policy: String
        var fields: [Explanation]
    }

    private static func unknown(_ key: String) -> Failure {
        let section = key.split(separator: ".").dropLast().joined(separator: ".")
        let last = key.split(separator: ".").last.map(String.init) ?? key
        let named = PolicyField.all.map(\.key).filter {
            $0.contains(last) || $0.split(separator: ".").contains { last.contains($0) }
        }
        let near =
            named.isEmpty && !section.isEmpty
            ? PolicyField.all.map(\.key).filter { $0.hasPrefix(section + ".") } : named
        return Failure(
            "policy.unknownKey", "There is no key '\(key)' in a policy.",
            hint: near.isEmpty
                ? "docs/policies.md has them all; claudine policy show NAME --effective lists them"
                : "did you mean \(near.prefix(12).joined(separator: ", "))?",
            exitCode: ExitCodes.usage)
    }

    private struct Explanation: Encodable {
        var key: String
        var value: String
        var meaning: String
        var values: String
        var mechanism: String
        /// What enforces it on this machine.
        var here: String?
        var failure: String
        var stricter: String
        var origins: [LoadedPolicy.Origin]

        init(_ field: PolicyField, _ loaded: LoadedPolicy, _ enforcement: Enforcement?) {
            key = field.key
            value = field.text(loaded.policy)
            meaning = field.meaning
            values = field.values
            mechanism = field.mechanism
            here = enforcement.flatMap { $0.refusal == nil ? $0.mechanism(of: field) : nil }
            failure = field.failure
            stricter = field.stricter
            origins = loaded.origins[field.key] ?? []
        }

        var text: String {
            let places = origins.map { "\($0.file):\($0.line)" }.joined(separator: ", changed in ")
            var rows = [
                ("means", meaning), ("value", value.isEmpty ? "none" : value), ("written", places), ("may be", values),
                ("enforced by", mechanism),
            ]
            if let here, here != mechanism { rows.append(("here", here)) }
            rows += [("otherwise", failure), ("stricter", stricter)]
            return "\(key)\n"
                + rows.filter { !$0.1.isEmpty }.map { row in
                    "  " + row.0.padding(toLength: 13, withPad: " ", startingAt: 0)
                        + row.1.replacing("`", with: "").oneLine + "\n"
                }.joined()
        }
    }
}
