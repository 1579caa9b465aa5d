import ArgumentParser
import Foundation
import Policy
import Store
import Supervision

/// `claudine policy`
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Show, explain, compare, check and test policies.",
        subcommands: [
            ListPolicies.self, ShowPolicy.self, CheckPolicy.self, ExplainPolicy.self, DiffPolicies.self,
            TestPolicy.self, PolicyReference.self,
        ])
}

/// What every command about policies needs to know of the machine and of the caller.
struct PolicySetting {
    let policies: PolicyLibrary
    let paths: StatePaths
    let home = Environment.current["HOME"]
    let host: HostFacts
    /// What this machine gives; nil where that cannot be found out, for the reason in `obstacle`.
    let enforcement: Enforcement.Setting?
    let obstacle: String?

    init(_ configuration: ConfigurationOptions, _ state: StateOptions) throws {
        policies = try configuration.places().policies
        paths = try state.paths()
        host = .current(home: home)
        do throws(SupervisionError) {
            enforcement = try Enforcement.Setting(paths: paths, home: home)
            obstacle = nil
        } catch {
            enforcement = nil
            obstacle = error.reason.message
        }
    }

    /// Directories of the caller's PATH.
    var searched: [String] { (Environment.current["PATH"] ?? "").split(separator: ":").map(String.init) }

    /// The workspace, canonical; without one, a place that stands for any.
    func workspace(_ directory: String?) throws -> String {
        guard let directory else { return "/workspace" }
        return try WorkspaceCheck.canonical(directory, home: home, stateDirectory: paths.directory)
    }

    /// A policy as it holds for a workspace, whose own file may tighten it.
    func policy(_ loaded: LoadedPolicy, for directory: String?) throws -> (Policy, WorkspaceFile.Tightened?) {
        guard directory != nil else { return (loaded.policy, nil) }
        let tightened = try WorkspaceFile.tighten(loaded.policy, in: try workspace(directory), host: host)
        return (tightened?.policy ?? loaded.policy, tightened)
    }
}

/// Whether a policy can be enforced, in one word.
enum Verdict: String, Encodable {
    case enforceable = "yes"
    case degraded
    case refused = "no"
    case invalid
    /// This machine could not be asked.
    case unknown

    init(_ enforcement: Enforcement?) {
        guard let enforcement else {
            self = .unknown
            return
        }
        guard let refusal = enforcement.refusal else {
            self = enforcement.isDegraded ? .degraded : .enforceable
            return
        }
        // A path that does not exist is the policy's mistake, not the machine's.
        self = refusal.reason.code == .refusedPolicy ? .refused : .invalid
    }

    var colour: Colour? {
        switch self {
        case .enforceable: .green
        case .degraded: .yellow
        case .refused, .invalid: .red
        case .unknown: .dim
        }
    }

    /// The exit code of `policy check`.
    var exitCode: Int32 {
        switch self {
        case .enforceable: 0
        case .degraded: 1
        case .invalid: 2
        case .refused, .unknown: 3
        }
    }

    /// An invalid policy is worse than one that needs another machine.
    var badness: Int {
        switch self {
        case .enforceable: 0
        case .degraded: 1
        case .unknown: 2
        case .refused: 3
        case .invalid: 4
        }
    }
}
