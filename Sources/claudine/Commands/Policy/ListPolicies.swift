import ArgumentParser
import Policy
import Store
import Supervision

/// `claudine policy list`: what can be named with `--policy`.
struct ListPolicies: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the known policies, and which can be enforced here.")

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions
    @OptionGroup var state: StateOptions

    func run() throws {
        let setting = try PolicySetting(configuration, state)
        let entries = try setting.policies.list().map { try Entry(name: $0.name, result: $0.result, setting) }
        try Answer(asJSON: json).write(["policies": entries]) {
            TextTable(head: ["POLICY", "FROM", "HERE", "DIGEST", "WHAT"], rows: entries.map(\.row)).text
        }
    }

    /// A policy that can be named, or why it cannot be loaded.
    private struct Entry: Encodable {
        var name: String
        var source: String?
        var digest: String?
        var description: String?
        var enforceable: Verdict
        var degraded: [String]?
        var error: String?

        init(name: String, result: Result<LoadedPolicy, PolicyError>, _ setting: PolicySetting) throws {
            self.name = name
            switch result {
            case .success(let loaded):
                source = loaded.source.description
                digest = try loaded.policy.digest()
                description = loaded.policy.description
                let enforcement = try setting.enforcement.map {
                    Enforcement(loaded.policy, workspace: try setting.workspace(nil), $0)
                }
                enforceable = Verdict(enforcement)
                degraded = enforcement.flatMap { $0.isDegraded ? $0.degraded : nil }
                error = enforcement?.refusal?.reason.message ?? setting.obstacle
            case .failure(let failure):
                enforceable = .invalid
                error = failure.description
            }
        }

        var row: [TextTable.Cell] {
            // Twelve digits tell policies apart; --json has them all.
            let short = digest.map { String($0.dropFirst("sha256:".count).prefix(12)) } ?? "-"
            return [
                .init(name), .init((source ?? "-").oneLine), .init(enforceable.rawValue, enforceable.colour),
                .init(short), error.map { .init($0.oneLine, .red) } ?? .init((description ?? "").oneLine),
            ]
        }
    }
}
