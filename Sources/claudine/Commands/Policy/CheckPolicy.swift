import ArgumentParser
import Policy
import Store
import Supervision

/// `claudine policy check`: whether a policy is valid, and whether it can be enforced here.
struct CheckPolicy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check a policy, or all of them.",
        discussion: """
            Exits with 0 when it can be enforced here, 1 when it would run without some layers, 2 when it is invalid, 3 when it \
            cannot be enforced here. Of several the worst decides. Warnings do not change the exit code.
            """)

    @Argument(
        help: ArgumentHelp("A policy's name or a file; without it, all policies.", valueName: "name"),
        completion: .list(PolicyLibrary.builtInNames))
    var name: String?

    @Option(
        name: .customLong("for"), help: ArgumentHelp("Check it for this workspace.", valueName: "dir"),
        completion: .directory)
    var directory: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions
    @OptionGroup var state: StateOptions

    func run() throws {
        let setting = try PolicySetting(configuration, state)
        let findings: [Finding]
        if let name {
            findings = [try Self.strictly { try Finding(try setting.policies.load(name), directory, setting) }]
        } else {
            findings = try Self.strictly { try setting.policies.list() }.map { name, result in
                do {
                    return try Finding(try result.get(), directory, setting)
                } catch let error as PolicyError {
                    return Finding(name: name, error)
                }
            }
        }
        try Answer(asJSON: json).write(["policies": findings]) { findings.map(\.text).joined() }
        let worst = findings.map(\.enforceable).max { $0.badness < $1.badness } ?? .enforceable
        if worst != .enforceable { Exit.with(worst.exitCode) }
    }

    /// What is invalid is 2 here, where 1 has a meaning of its own.
    private static func strictly<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as PolicyError {
            guard var failure = Failure(error, exits: .asCommand) else { throw error }
            failure.exitCode = Verdict.invalid.exitCode
            throw failure
        }
    }

    private struct Finding: Encodable {
        var name: String
        var source: String?
        var enforceable: Verdict
        var degraded: [String] = []
        var warnings: [PolicyLint] = []
        var tightenedBy: String?
        var error: JSONValue?
        private var problem: String?

        private enum CodingKeys: CodingKey {
            case name, source, enforceable, degraded, warnings, tightenedBy, error
        }

        init(_ loaded: LoadedPolicy, _ directory: String?, _ setting: PolicySetting) throws {
            name = loaded.policy.name
            source = loaded.source.description
            let workspace = try setting.workspace(directory)
            let (policy, tightened) = try setting.policy(loaded, for: directory)
            tightenedBy = tightened.flatMap { $0.changes.isEmpty ? nil : $0.file }
            let enforcement = setting.enforcement.map { Enforcement(policy, workspace: workspace, $0) }
            enforceable = Verdict(enforcement)
            degraded = enforcement?.degraded ?? []
            problem = setting.obstacle
            if let refusal = enforcement?.refusal {
                var failure = Failure(
                    refusal.reason.code.rawValue, refusal.reason.message, hint: refusal.hint, exitCode: ExitCodes.no)
                failure.detail = refusal.reason.detail
                error = failure.json["error"]
                problem = refusal.reason.message + (refusal.hint.map { " (\($0))" } ?? "")
            }
            // What can be compiled is then built around a program that does nothing.
            if enforceable == .enforceable || enforceable == .degraded {
                try build(policy, setting)
            }
            // One that cannot be compiled has said so already.
            let view = try? CageView(
                policy: policy, request: Enforcement.request(workspace: workspace, paths: setting.paths),
                host: setting.host)
            warnings = PolicyLint.findings(policy, host: setting.host, searched: setting.searched, view: view)
        }

        private mutating func build(_ policy: Policy, _ setting: PolicySetting) throws {
            do throws(SupervisionError) {
                let standing = try PolicyStanding.of(policy, paths: setting.paths, home: setting.home)
                guard case .notEnforceable(let layer, let message, let fix) = standing else { return }
                enforceable = .refused
                let detail = layer.map { JSONValue.object(["layer": .string($0)]) }
                let failure = Failure("refused.policy", message, hint: fix, detail: detail, exitCode: ExitCodes.no)
                error = failure.json["error"]
                problem = message + (fix.map { " (\($0))" } ?? "")
            } catch {
                enforceable = .unknown
                problem = error.reason.message
            }
        }

        init(name: String, _ invalid: PolicyError) {
            self.name = name
            enforceable = .invalid
            problem = invalid.message + (invalid.hint.map { " (\($0))" } ?? "")
            error = Failure(invalid, exits: .asCommand)?.json["error"]
        }

        var text: String {
            let word =
                switch enforceable {
                case .enforceable: "ok"
                case .degraded: "degraded"
                case .refused: "not enforceable here"
                case .invalid: "invalid"
                case .unknown: "cannot be tried here"
                }
            var lines = [
                (enforceable.colour?.paint(word) ?? word) + ": \(name)" + (source.map { " (\($0.oneLine))" } ?? "")
            ]
            if !degraded.isEmpty { lines.append("  runs without \(degraded.joined(separator: ", "))") }
            if let problem { lines.append("  \(problem.oneLine)") }
            if let tightenedBy { lines.append("  tightened by \(tightenedBy.oneLine)") }
            for lint in warnings {
                lines.append("  \(Colour.yellow.paint("warning")): \(lint.key) \(lint.message.oneLine)")
            }
            return lines.map { $0 + "\n" }.joined()
        }
    }
}
