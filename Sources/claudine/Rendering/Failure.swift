import Agents
import MCPClients
import OutputLog
import Policy
import Store
import Supervision

/// Why a command could not do what it was asked: what people read, what machines read, and how the process exits.
struct Failure: Error {
    /// Stable, `area.kind`.
    var code: String
    /// One sentence: what happened, to what, which bound.
    var message: String
    /// What to do next.
    var hint: String?
    var detail: JSONValue?
    var exitCode: Int32

    init(_ code: String, _ message: String, hint: String? = nil, detail: JSONValue? = nil, exitCode: Int32) {
        self.code = code
        self.message = message
        self.hint = hint
        self.detail = detail
        self.exitCode = exitCode
    }

    static func usage(_ message: String, usage: String?) -> Failure {
        Failure(
            "usage", message, hint: usage.map { "usage: \($0)" } ?? "claudine help shows what there is",
            exitCode: ExitCodes.usage)
    }
}

/// The numbers of the contract that are not a task's own.
enum ExitCodes {
    static let no: Int32 = 1
    /// A policy that this machine cannot enforce.
    static let notEnforceable: Int32 = 3
    static let noSuchTask: Int32 = 4
    static let wrongState: Int32 = 5
    static let usage: Int32 = 64
    static let busy: Int32 = 75
    static let configuration: Int32 = 78
    static let notRun: Int32 = 125
}

extension Failure {
    /// Whose table of exit codes holds: that of `run` and `wait`, where everything of ours is 125, or that of the others.
    enum Table {
        case asTask, asCommand
    }

    /// Nil for an error that is none of ours.
    init?(_ error: any Error, exits table: Table) {
        switch error {
        case let error as Failure: self = error
        case let error as StoreError:
            let own: Int32 =
                switch error.code {
                case .busy, .queueFull: ExitCodes.busy
                case .dependencyMissing: ExitCodes.noSuchTask
                case .dependencyInvalid: ExitCodes.usage
                case .idempotencyConflict, .homeInUse: ExitCodes.wrongState
                default: ExitCodes.no
                }
            // A session that is in use is a state of the earlier task, not an end of the new one, which there is not.
            self.init(
                error.code.rawValue, error.message, hint: error.hint,
                exitCode: table == .asTask && error.code != .homeInUse ? ExitCodes.notRun : own)
        case let error as PolicyError:
            let own = error.code == .config ? ExitCodes.configuration : ExitCodes.no
            self.init(
                error.code.rawValue, error.message, hint: error.hint,
                detail: error.facts,
                exitCode: table == .asTask ? ExitCodes.notRun : own)
        case let error as AgentError:
            self.init(
                error.code.rawValue, error.message, hint: error.hint, exitCode: Self.exitCode(error.code, table))
        case let error as SupervisionError:
            let reason = error.reason
            self.init(
                reason.code.rawValue, reason.message, hint: reason.detail?["fix"]?.stringValue, detail: reason.detail,
                exitCode: table == .asTask ? ExitCodes.notRun : ExitCodes.no)
        case let error as SetupError:
            self.init(
                error.code.rawValue, error.message, hint: error.hint, detail: error.detail,
                exitCode: table == .asTask ? ExitCodes.notRun : ExitCodes.no)
        case let error as OutputLogError:
            self.init(
                "output.unreadable", error.description,
                exitCode: table == .asTask ? ExitCodes.notRun : ExitCodes.no)
        default: return nil
        }
    }

    private static func exitCode(_ code: AgentError.Code, _ table: Table) -> Int32 {
        switch (code, table) {
        case (.usage, _): ExitCodes.usage
        case (.notFound, .asTask): 127
        case (.notExecutable, .asTask): 126
        case (_, .asTask): ExitCodes.notRun
        case (.configuration, .asCommand): ExitCodes.configuration
        case (_, .asCommand): ExitCodes.no
        }
    }
}

extension SetupError {
    fileprivate var detail: JSONValue? {
        guard let file else { return nil }
        return line.map { ["file": .string(file), "line": .integer(Int64($0))] } ?? ["file": .string(file)]
    }
}

extension Failure {
    /// `claudine: error: [code] sentence`, and a second line for the hint.
    var text: String {
        let first = "claudine: error: [\(code)] \(message.oneLine)\n"
        return first + (hint.map { "hint: \($0.oneLine)\n" } ?? "")
    }

    /// The object that takes the place of a command's own JSON.
    var json: JSONValue {
        var members: [String: JSONValue] = ["code": .string(code), "message": .string(message)]
        members["hint"] = hint.map(JSONValue.string)
        members["detail"] = detail
        return ["error": .object(members)]
    }
}
