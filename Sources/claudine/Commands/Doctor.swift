import Agents
import ArgumentParser
import Foundation
import Gateway
import Policy
import Store
import Supervision

/// `claudine doctor`
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what this machine can enforce, by doing it.",
        discussion: """
            Every layer of the cage is tried as this user, by the program that builds the cages of tasks. For what is \
            missing it says what that costs and how to get it. Exits with 0 when the policies standard and strict can run, \
            with 1 otherwise.
            """)

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(help: "Try everything again, whatever is remembered of this boot.")
    var refresh = false

    @OptionGroup var configuration: ConfigurationOptions
    @OptionGroup var state: StateOptions

    func run() async throws {
        let paths = try state.paths()
        var report = Report()
        report.findings.append(Self.stateDirectory(paths))
        do {
            let policies = try configuration.places().policies.list()
            var examination = try Examination(paths, fresh: refresh)
            report.policies = policies.map { Self.standing($0.name, $0.result, examination.machine, paths) }
            // What was remembered is not so any more.
            if examination.machine.isRemembered,
                report.policies.contains(where: { $0.contradicts(examination.machine) })
            {
                examination = try Examination(paths, fresh: true)
                report.policies = policies.map { Self.standing($0.name, $0.result, examination.machine, paths) }
            }
            report.findings += examination.findings
            report.remembered = examination.machine.isRemembered
            report.findings.append(Finding("shepherd", .ok, try Examination.shepherd()))
        } catch let error as SupervisionError {
            let reason = error.reason
            report.policies = try configuration.places().policies.list().map {
                PolicyRow(name: $0.name, standing: .no, reason: reason.message, fix: reason.fix)
            }
            report.findings.append(
                Finding(
                    "shepherd", .missing, reason.message, costs: "nothing runs: it builds every cage",
                    fix: reason.fix ?? "install claudine and claudine-shepherd together"))
        }
        report.findings += try agents()
        try Answer(asJSON: json).write(report) { report.text }
        if !report.isHealthy { throw ExitCode(ExitCodes.no) }
    }

    // MARK: What is no layer

    private static func stateDirectory(_ paths: StatePaths) -> Finding {
        do {
            let store = try Store.open(paths)
            try store.checkThoroughly()
            try store.close()
            return Finding("stateDirectory", .ok, paths.directory)
        } catch {
            return Finding(
                "stateDirectory", .missing, error.message, costs: "nothing runs: a task has to be written down first",
                fix: error.hint ?? "choose another with --state-dir or CLAUDINE_STATE_DIR")
        }
    }

    private func agents() throws -> [Finding] {
        let environment = Environment.current
        let read = try configuration.places().read()
        let lookup = ExecutableLookup(
            path: environment["PATH"] ?? "", home: environment["HOME"] ?? "/",
            workingDirectory: FileManager.default.currentDirectoryPath)
        let found: Finding
        do {
            let executable = try read.agents.agent("claude").executable(lookup)
            found = Finding("agent", .ok, executable.visible.first ?? executable.path)
        } catch {
            found = Finding(
                "agent", .missing, error.message, costs: "claudine run PROMPT; commands and other agents run",
                fix: error.hint)
        }
        return [found, Self.credential(read.settings.credential, environment)]
    }

    /// Whether there is one and where from; its value is of no interest here.
    private static func credential(_ source: String, _ environment: [String: String]) -> Finding {
        let costs = "the gateway answers every request with 401"
        do {
            let credential = try CredentialSource.parse(source)
                .resolve(environment: environment, home: environment["HOME"])
            guard credential.kind != .none else {
                return Finding(
                    "credential", .missing, "none found", costs: costs,
                    fix: "set ANTHROPIC_API_KEY, or log in with claude, or set [gateway] credential in config.toml")
            }
            return Finding("credential", .ok, "\(credential.kind.rawValue) from \(credential.origin)")
        } catch {
            return Finding("credential", .missing, error.message, costs: costs, fix: error.hint)
        }
    }

    // MARK: Policies

    private static func standing(
        _ name: String, _ result: Result<LoadedPolicy, PolicyError>, _ machine: Machine, _ paths: StatePaths
    ) -> PolicyRow {
        let policy: Policy
        switch result {
        case .success(let loaded): policy = loaded.policy
        case .failure(let error): return PolicyRow(name: name, standing: .no, reason: error.message, fix: error.hint)
        }
        do throws(SupervisionError) {
            switch try PolicyStanding.of(
                policy, paths: paths, home: Environment.current["HOME"], machine: machine)
            {
            case .enforceable: return PolicyRow(name: name, standing: .yes)
            case .degrades(let layers): return PolicyRow(name: name, standing: .degraded, degraded: layers)
            case .notEnforceable(let layer, let message, let fix):
                return PolicyRow(name: name, standing: .no, layer: layer, reason: message, fix: fix)
            }
        } catch {
            return PolicyRow(name: name, standing: .no, reason: error.reason.message, fix: error.reason.fix)
        }
    }
}

extension Doctor {
    /// How one policy stands.
    struct PolicyRow: Encodable {
        enum Standing: String, Encodable {
            case yes, degraded, no
        }
        var name: String
        var standing: Standing
        var degraded: [String]?
        var layer: String?
        var reason: String?
        var fix: String?

        /// It fails at a layer that the machine is said to have.
        func contradicts(_ machine: Machine) -> Bool {
            standing == .no && layer != nil && !machine.missing.layers.contains { $0.recordName == layer }
        }

        var text: String {
            switch standing {
            case .yes: "yes"
            case .degraded: "degraded: \((degraded ?? []).joined(separator: ", "))"
            case .no: "no: " + (reason ?? layer ?? "unknown").oneLine
            }
        }
    }

    /// The whole answer.
    struct Report: Encodable {
        var findings: [Finding] = []
        var policies: [PolicyRow] = []
        /// What was found missing or there was found earlier in this boot.
        var remembered = false

        private enum CodingKeys: String, CodingKey {
            case healthy, remembered
            case findings = "layers"
            case policies
        }

        /// The two policies that are meant for everybody.
        var isHealthy: Bool {
            ["standard", "strict"].allSatisfy { name in policies.contains { $0.name == name && $0.standing != .no } }
                && !findings.contains { $0.layer == "stateDirectory" && $0.state != .ok }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(isHealthy, forKey: .healthy)
            try container.encode(remembered, forKey: .remembered)
            try container.encode(findings, forKey: .findings)
            try container.encode(policies, forKey: .policies)
        }

        var text: String {
            let layers = TextTable(head: ["", "LAYER", "WHAT"], rows: findings.map(\.row)).text
            let mends = findings.filter { $0.state != .ok && $0.fix != nil }.map(\.mending).joined()
            let table = TextTable(
                head: ["POLICY", "CAN RUN HERE"],
                rows: policies.map { [.init($0.name), .init($0.text, $0.standing.colour)] }
            ).text
            return layers + (mends.isEmpty ? "" : "\n" + mends) + "\n" + table
        }
    }
}

extension Doctor.PolicyRow.Standing {
    fileprivate var colour: Colour {
        switch self {
        case .yes: .green
        case .degraded: .yellow
        case .no: .red
        }
    }
}

extension Finding {
    fileprivate var row: [TextTable.Cell] {
        switch state {
        case .ok: [.init("ok", .green), .init(layer), .init(detail.oneLine)]
        case .limited: [.init("limited", .yellow), .init(layer), .init(detail.oneLine)]
        case .missing: [.init("missing", .red), .init(layer), .init(detail.oneLine)]
        case .notApplicable: [.init("-", .dim), .init(layer), .init(detail.oneLine)]
        }
    }

    /// What it costs and how to get it; a fix of several lines stays as it is, to be copied.
    fileprivate var mending: String {
        let lines = (fix ?? "").split(separator: "\n", omittingEmptySubsequences: false)
        let shown = lines.count == 1 ? " \(fix ?? "")\n" : "\n" + lines.map { "    \($0)\n" }.joined()
        return "\(layer)\n" + (costs.map { "  costs: \($0)\n" } ?? "") + "  fix:" + shown
    }
}

extension Reason {
    /// The detail of the same name.
    fileprivate var fix: String? {
        guard case .object(let facts) = detail, case .string(let fix) = facts["fix"] else { return nil }
        return fix
    }
}
