/// How a process ended: its exit code, or the name of the signal it died of (`SIGKILL`).
package enum WorkerExit: Equatable, Sendable {
    case code(Int32)
    case signal(String)
}

extension WorkerExit: Codable {
    private enum Key: String, CodingKey { case code, signal }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        if let code = try container.decodeIfPresent(Int32.self, forKey: .code) {
            self = .code(code)
        } else {
            self = .signal(try container.decode(String.self, forKey: .signal))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .code(let code): try container.encode(code, forKey: .code)
        case .signal(let name): try container.encode(name, forKey: .signal)
        }
    }
}

/// Bytes each stream carried, and how many of them the caps dropped.
package struct OutputTotals: Codable, Equatable, Sendable {
    package var stdoutBytes: Int64 = 0
    package var stderrBytes: Int64 = 0
    package var stdoutDropped: Int64 = 0
    package var stderrDropped: Int64 = 0

    package init(stdoutBytes: Int64 = 0, stderrBytes: Int64 = 0, stdoutDropped: Int64 = 0, stderrDropped: Int64 = 0) {
        self.stdoutBytes = stdoutBytes
        self.stderrBytes = stderrBytes
        self.stdoutDropped = stdoutDropped
        self.stderrDropped = stderrDropped
    }
}

/// What the attempt's processes used; nil where nobody measured it.
package struct ResourceUse: Codable, Equatable, Sendable {
    package var cpuMs: Int64?
    package var maxRssBytes: Int64?
    package var maxProcesses: Int64?

    package init(cpuMs: Int64? = nil, maxRssBytes: Int64? = nil, maxProcesses: Int64? = nil) {
        self.cpuMs = cpuMs
        self.maxRssBytes = maxRssBytes
        self.maxProcesses = maxProcesses
    }
}

/// What the model's side metered; nil where nobody did.
package struct ModelUsage: Codable, Equatable, Sendable {
    package var inputTokens: Int64?
    package var outputTokens: Int64?
    package var cacheReadTokens: Int64?
    package var cacheWriteTokens: Int64?
    package var costUsd: Double?
    package var turns: Int64?
    package var requests: Int64?

    package init() {}
}

/// What the agent said last.
package struct AgentResult: Codable, Equatable, Sendable {
    package var text: String
    package var isError: Bool

    package init(text: String, isError: Bool) {
        self.text = text
        self.isError = isError
    }
}

/// How an attempt ended: the facts that go into its row together with the task's final state.
package struct Ending: Equatable, Sendable {
    package var state: TaskState
    package var reason: Reason?
    package var exit: WorkerExit?
    /// Processes that outlived the leader and were ended.
    package var stragglers: Int?
    package var output: OutputTotals?
    package var resources: ResourceUse?
    package var usage: ModelUsage?
    package var sessionId: String?
    package var result: AgentResult?
    /// What the cage refused; nil where nothing was.
    package var violations: [Violation]?
    /// Milliseconds from exec to the empty tree.
    package var wallMs: Int64?

    package static let succeeded = Ending(state: .succeeded)

    /// The state is the one the reason leads to.
    package init(_ reason: Reason) {
        state = reason.code.state
        self.reason = reason
    }

    private init(state: TaskState) {
        self.state = state
    }
}
