/// Every reason why a task did not simply succeed; the strings are part of the outward contract and are never renamed.
package enum ReasonCode: String, Codable, CaseIterable, Sendable {
    case exitNonzero = "exit.nonzero"
    case exitSignal = "exit.signal"
    case exitStragglers = "exit.stragglers"
    case agentError = "agent.error"
    case agentMaxTurns = "agent.maxTurns"
    case agentBudget = "agent.budget"
    case timeoutWall = "timeout.wall"
    case timeoutIdle = "timeout.idle"
    case timeoutCPU = "timeout.cpu"
    case timeoutTotal = "timeout.total"
    case timeoutQueue = "timeout.queue"
    case limitMemory = "limit.memory"
    case limitOutput = "limit.output"
    case limitDisk = "limit.disk"
    case limitBudget = "limit.budget"
    case limitProcesses = "limit.processes"
    case limitFileSize = "limit.fileSize"
    case cancelledUser = "cancelled.user"
    case cancelledClient = "cancelled.client"
    case cancelledShutdown = "cancelled.shutdown"
    case cancelledDependency = "cancelled.dependency"
    case refusedPolicy = "refused.policy"
    case refusedCeiling = "refused.ceiling"
    case refusedWorkspace = "refused.workspace"
    case refusedConfig = "refused.config"
    case spawnNotFound = "spawn.notFound"
    case spawnNotExecutable = "spawn.notExecutable"
    case spawnArgumentTooLong = "spawn.argumentTooLong"
    case spawnResources = "spawn.resources"
    case spawnFailed = "spawn.failed"
    case lostShepherd = "lost.shepherd"
    case lostSupervisor = "lost.supervisor"
    case lostReboot = "lost.reboot"
    case lostProtocol = "lost.protocol"
}

extension ReasonCode {
    /// What a reason means when nothing more particular is known.
    package struct Meaning: Sendable {
        package let state: TaskState
        package let exit: ExitRule
        package let sentence: String
    }

    /// How `run` and `wait` exit.
    package enum ExitRule: Hashable, Sendable {
        /// With the worker's own code, 128+N for its signal, and 1 where that would be 0.
        case own
        case fixed(Int32)
        /// 130 for SIGINT, 143 for every other way of asking.
        case cancelled
    }

    package var meaning: Meaning {
        switch self {
        case .exitNonzero: .init(.failed, .own, "It ended with a non-zero exit code.")
        case .exitSignal: .init(.failed, .own, "It died of a signal that was not ours.")
        case .exitStragglers: .init(.failed, .own, "It left processes behind, which this policy counts as a failure.")
        case .agentError: .init(.failed, .own, "The agent reported an error.")
        case .agentMaxTurns: .init(.failed, .own, "The agent used up its turns.")
        case .agentBudget: .init(.failed, .own, "The agent used up its own budget.")
        case .timeoutWall: .init(.timedOut, .fixed(124), "It ran longer than its wall-clock limit.")
        case .timeoutIdle: .init(.timedOut, .fixed(124), "It wrote nothing for longer than its idle limit.")
        case .timeoutCPU: .init(.timedOut, .fixed(124), "It used more processor time than its limit.")
        case .timeoutTotal: .init(.timedOut, .fixed(124), "All its attempts together took longer than its total limit.")
        case .timeoutQueue: .init(.timedOut, .fixed(124), "It waited in the queue longer than its queue limit.")
        case .limitMemory: .init(.failed, .fixed(137), "It used more memory than its limit.")
        case .limitOutput: .init(.failed, .fixed(137), "It wrote more output than its limit.")
        case .limitDisk: .init(.failed, .fixed(137), "It used more disk than its limit.")
        case .limitBudget: .init(.failed, .fixed(137), "It spent its budget.")
        case .limitProcesses: .init(.failed, .fixed(137), "It stayed at its limit of processes.")
        case .limitFileSize: .init(.failed, .fixed(137), "It wrote a file larger than its limit.")
        case .cancelledUser: .init(.cancelled, .cancelled, "It was cancelled by its user.")
        case .cancelledClient: .init(.cancelled, .cancelled, "It was cancelled by the client that had asked for it.")
        case .cancelledShutdown: .init(.cancelled, .cancelled, "It was cancelled because its supervisor shut down.")
        case .cancelledDependency: .init(.cancelled, .cancelled, "A task it depends on did not succeed.")
        case .refusedPolicy: .init(.refused, .fixed(125), "Its policy cannot be enforced on this machine.")
        case .refusedCeiling: .init(.refused, .fixed(125), "It asked for more than its policy allows.")
        case .refusedWorkspace: .init(.refused, .fixed(125), "Its workspace cannot be used.")
        case .refusedConfig: .init(.refused, .fixed(125), "The configuration or the request is invalid.")
        case .spawnNotFound: .init(.failed, .fixed(127), "The program was not found.")
        case .spawnNotExecutable: .init(.failed, .fixed(126), "The program was found but cannot be executed.")
        case .spawnArgumentTooLong: .init(.failed, .fixed(125), "The command line is longer than the kernel accepts.")
        case .spawnResources: .init(.failed, .fixed(125), "The machine had no resources left to start it.")
        case .spawnFailed: .init(.failed, .fixed(125), "The cage could not be built or the program not started.")
        case .lostShepherd: .init(.lost, .fixed(125), "Its shepherd died, so what it did last is not known.")
        case .lostSupervisor: .init(.lost, .fixed(125), "Its supervisor died and the task was ended with it.")
        case .lostReboot: .init(.lost, .fixed(125), "The machine was restarted while it ran.")
        case .lostProtocol: .init(.lost, .fixed(125), "Its shepherd said something that cannot be understood.")
        }
    }

    package var state: TaskState { meaning.state }
    package var sentence: String { meaning.sentence }
}

extension ReasonCode.Meaning {
    fileprivate init(_ state: TaskState, _ exit: ReasonCode.ExitRule, _ sentence: String) {
        self.init(state: state, exit: exit, sentence: sentence)
    }
}
