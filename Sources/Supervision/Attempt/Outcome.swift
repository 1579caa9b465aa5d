import Agents
import Glibc
import Policy
import ShepherdProtocol
import Store

/// What is known of an attempt when it is over.
struct AttemptFacts: Sendable {
    var exit: LeaderExit?
    var empty: TreeEmpty?
    /// The worker provably never ran, for this reason.
    var neverRan: Reason?
    /// What somebody asked for, as the store latched it.
    var stop: StopRequest?
    /// The shepherd ended, or said something incomprehensible, before the tree was reported empty.
    var lost: Reason?
    var summary: AgentSummary?
    var isAgent = false
}

/// Turns facts into the one state and reason a task ends with.
///
/// Physical truth decides ties: unless one of our signals had been sent before the leader's exit was seen, the exit is the
/// worker's own, whatever was latched meanwhile (studies of supervision, A.7 R1–R6).
enum Outcome {
    static func ending(_ facts: AttemptFacts, policy: Policy) -> Ending {
        var ending = decide(facts, policy)
        if let exit = facts.exit { ending.exit = WorkerExit(exit.end) }
        if let empty = facts.empty {
            ending.stragglers = Int(empty.stragglers)
            ending.output = totals(empty.output, layout: policy.outputOrder)
            ending.resources = ResourceUse(
                cpuMs: Int64(empty.cpu / 1000), maxRssBytes: Int64(empty.peakMemory),
                maxProcesses: Int64(empty.maxProcesses))
            ending.wallMs = Int64(empty.wall / 1_000_000)
            if ending.state == .succeeded, empty.stragglers > 0, policy.process.onStragglers == .fail {
                let count = empty.stragglers == 1 ? "a process" : "\(empty.stragglers) processes"
                let reason = Reason(
                    .exitStragglers, "It left \(count) behind, which its policy counts as a failure.",
                    detail: .object(["stragglers": .integer(Int64(empty.stragglers))]))
                (ending.state, ending.reason) = (reason.code.state, reason)
            }
        }
        return ending
    }

    private static func decide(_ facts: AttemptFacts, _ policy: Policy) -> Ending {
        if let reason = facts.neverRan { return Ending(reason) }
        guard let exit = facts.exit else {
            return Ending(facts.lost ?? facts.stop?.reason ?? Reason(.lostShepherd))
        }
        if exit.end == .signalled(UInt8(SIGXCPU)), policy.limits.cpuTime.value != nil, !exit.ourSignal {
            return Ending(
                Reason(
                    .timeoutCPU, "It used more processor time than its limit of \(policy.limits.cpuTime).",
                    detail: bound(policy.limits.cpuTime)))
        }
        if exit.end == .signalled(UInt8(SIGXFSZ)), policy.limits.fileSize.value != nil, !exit.ourSignal {
            return Ending(
                Reason(
                    .limitFileSize, "It wrote a file larger than its limit of \(policy.limits.fileSize).",
                    detail: bound(policy.limits.fileSize)))
        }
        guard exit.ourSignal else { return natural(exit.end, facts) }
        return Ending(reason(of: exit.reason, facts, policy))
    }

    private static func natural(_ end: ProcessEnd, _ facts: AttemptFacts) -> Ending {
        switch end {
        case .signalled(let number):
            return Ending(
                Reason(
                    .exitSignal, "It died of \(SignalName.of(Int32(number))), which Claudine did not send.",
                    detail: .object(["signal": .string(SignalName.of(Int32(number)))])))
        case .exited(let code):
            guard facts.isAgent else {
                return code == 0
                    ? .succeeded : Ending(Reason(.exitNonzero, "It exited with code \(code).", detail: detail(code)))
            }
            switch AgentVerdict(exitCode: Int32(code), summary: facts.summary) {
            case .success: return .succeeded
            case .failure(let name, let message, _):
                return Ending(Reason(ReasonCode(rawValue: name) ?? .agentError, message, detail: detail(code)))
            }
        }
    }

    private static func detail(_ code: UInt8) -> JSONValue { .object(["exitCode": .integer(Int64(code))]) }

    /// - Parameter reason: what the shepherd latched.
    private static func reason(
        of reason: StopReason, _ facts: AttemptFacts, _ policy: Policy
    ) -> Reason {
        switch reason {
        case .cancel: return facts.stop?.reason ?? Reason(.cancelledUser)
        case .wall:
            return Reason(
                .timeoutWall, "It ran longer than its limit of \(policy.process.wallTime).",
                detail: bound(policy.process.wallTime))
        case .idle:
            return Reason(
                .timeoutIdle, "It wrote nothing for \(policy.process.idleTime).", detail: bound(policy.process.idleTime)
            )
        case .output:
            return Reason(
                .limitOutput, "It wrote more than its limit of \(policy.limits.output.limit).",
                detail: bound(policy.limits.output.limit))
        case .memory:
            return Reason(
                .limitMemory, "Its processes used more memory than its limit of \(policy.limits.memory).",
                detail: bound(policy.limits.memory))
        case .cpu:
            return Reason(
                .timeoutCPU, "Its processes used more processor time than their limit of \(policy.limits.cpuTime).",
                detail: bound(policy.limits.cpuTime))
        case .processes:
            return Reason(
                .limitProcesses, "It stayed at its limit of \(policy.limits.processes) processes and threads.",
                detail: bound(policy.limits.processes))
        case .disk:
            return Reason(
                .limitDisk, "Its files grew by more than its limit of \(policy.limits.disk).",
                detail: bound(policy.limits.disk))
        // It says what its shepherd took its silence for. A supervisor that lives knows better why it fell silent.
        case .supervisorGone: return facts.lost ?? Reason(.lostSupervisor)
        case .protocolError: return Reason(.lostProtocol)
        case .receiptMismatch, .none: return facts.lost ?? Reason(.lostShepherd)
        }
    }

    private static func bound(_ value: some CustomStringConvertible) -> JSONValue {
        .object(["bound": .string(value.description)])
    }

    static func totals(_ totals: OutputCount, layout: OutputOrder) -> OutputTotals {
        let capture = CaptureLayout(head: layout.head, tail: layout.tail)
        return OutputTotals(
            stdoutBytes: Int64(totals.stdout), stderrBytes: Int64(totals.stderr),
            stdoutDropped: Int64(capture.dropped(total: totals.stdout)),
            stderrDropped: Int64(capture.dropped(total: totals.stderr)))
    }
}

extension WorkerExit {
    init(_ end: ProcessEnd) {
        switch end {
        case .exited(let code): self = .code(Int32(code))
        case .signalled(let number): self = .signal(SignalName.of(Int32(number)))
        }
    }
}
