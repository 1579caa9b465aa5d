/// A task as everybody outside sees it; its JSON is the contract's task record, in which an unknown value is absent.
package struct TaskRecord: Codable, Equatable, Sendable {
    package var taskId: TaskID
    package var name: String?
    package var labels: [String]
    package var state: TaskState
    package var reason: Reason?
    package var agent: String
    package var prompt: String?
    package var command: [String]?
    package var workspace: String
    package var priority: Priority
    package var policy: PolicyInForce
    /// In force once an attempt was claimed; before that, what was asked for.
    package var limits: [String: JSONValue]
    /// The number of the latest attempt; nil before the first claim.
    package var attempt: Int?
    /// How many attempts counted: one that certainly never started does not.
    package var attempts: Int
    package var createdAt: Timestamp
    package var startedAt: Timestamp?
    package var endedAt: Timestamp?
    package var wallMs: Int64?
    package var exit: WorkerExit?
    package var stragglers: Int?
    /// Nil while an attempt runs and has not told yet.
    package var output: OutputTotals?
    package var resources: ResourceUse?
    package var usage: ModelUsage?
    package var sessionId: String?
    package var result: AgentResult?
    /// What the cage refused; nil where nothing was.
    package var violations: [Violation]?
    package var retryOf: TaskID?
    /// Its processes do not end although they were killed; nil for every other task.
    package var stuck: StuckTree?
    /// What it waits or waited for.
    package var after: [TaskID]?
    package var afterAny: [TaskID]?
    /// Attempts that it may have after the first.
    package var retries: Int?
    /// When it may be claimed again; nil unless it waits between two attempts.
    package var notBefore: Timestamp?
    package var resumes: TaskID?
    /// Who delegated it; nil for the command line.
    package var client: String?
    package var receipt: JSONValue?

    /// The policy's name, and once an attempt was claimed what of it is in force.
    package struct PolicyInForce: Codable, Equatable, Sendable {
        package var name: String
        package var digest: String?
        package var containment: String?
        package var layers: [String]?
        package var degraded: [String]?
        package var tightenedBy: TighteningFile?
    }
}

extension TaskRecord {
    /// How `run` and `wait` exit for this task; nil while it is not terminal.
    package var exitCode: Int32? {
        guard state.isTerminal else { return nil }
        guard let reason else { return ownExitCode }
        switch reason.code.meaning.exit {
        case .own: return ownExitCode == 0 ? 1 : ownExitCode
        case .fixed(let code): return code
        case .cancelled: return reason.cancelledExitCode
        }
    }

    private var ownExitCode: Int32 {
        switch exit {
        case .code(let code): code
        case .signal(let name): 128 + (SignalName.number(name) ?? 0)
        case nil: state == .succeeded ? 0 : 1
        }
    }
}

extension Reason {
    /// How a command exits that was interrupted for this reason.
    package var exitCode: Int32? {
        guard case .cancelled = code.meaning.exit else { return nil }
        return cancelledExitCode
    }

    fileprivate var cancelledExitCode: Int32 { detail?["signal"]?.stringValue == "SIGINT" ? 130 : 143 }
}
