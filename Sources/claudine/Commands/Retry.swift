import Agents
import ArgumentParser
import Glibc
import Policy
import Store
import Supervision

/// `claudine retry`: a new task that asks for what an ended one had asked for.
struct Retry: AsyncParsableCommand, ExitsAsTheTaskDid {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Run an ended task again, as a new task.",
        discussion: """
            Workspace, policy, limits and everything else are those of the earlier task unless they are given again. An agent begins \
            anew: claudine resume goes on with its session instead.
            """)

    @Argument(help: ArgumentHelp("The earlier task's id, or the beginning of it.", valueName: "id"))
    var id: String

    @Option(help: ArgumentHelp("Another policy's name or file.", valueName: "name"))
    var policy: String?

    @Option(help: ArgumentHelp("Its standard input.", valueName: "file|-"))
    var stdin: String?

    @OptionGroup var options: RunOptions
    @OptionGroup var state: StateOptions
    @OptionGroup var configuration: ConfigurationOptions

    func run() async throws {
        let caller = try configuration.caller()
        let store = try await state.store()
        let earlier = try store.existingRecord(try store.task(named: id))
        guard earlier.state.isTerminal else {
            throw Failure(
                "task.cannotRetry", "The task \(earlier.taskId) has not ended: it is \(earlier.state.rawValue).",
                hint: "wait for it, or cancel it first", exitCode: ExitCodes.wrongState)
        }
        guard let old = try store.spec(earlier.taskId) else {
            throw Failure("task.unknown", "The task \(earlier.taskId) was removed.", exitCode: ExitCodes.noSuchTask)
        }
        guard old.resumes == nil else {
            throw Failure(
                "task.cannotRetry",
                "The task \(earlier.taskId) went on with an earlier session, which cannot be begun anew.",
                hint: "claudine resume \(earlier.taskId) goes on with it", exitCode: ExitCodes.wrongState)
        }
        guard stdin == nil || old.command != nil else {
            throw ValidationError("--stdin is for commands; an agent's is part of its prompt")
        }
        var spec = old
        spec.retryOf = earlier.taskId
        // What it waited for is over, and its key is its own.
        (spec.after, spec.afterAny, spec.idempotencyKey, spec.surroundings) = (nil, nil, nil, nil)
        spec.policy = policy ?? old.policy
        if policy != nil { spec.policyFile = nil }
        if let stdin { spec.stdin = RunInput.source(stdin) }
        options.apply(to: &spec)
        let kept = KeptInput(earlier.taskId, store.paths)
        try await options.run(
            spec, input: try input(old, kept), caller: caller, store: store,
            variables: try variables(old, kept, caller))
    }

    /// The values that were kept; where none were, the caller's own.
    private func variables(_ old: TaskSpec, _ kept: KeptInput, _ caller: Caller) throws -> [EnvironmentRequest] {
        let values: [String: String]
        do throws(SupervisionError) { values = try kept.variables() ?? [:] } catch { throw failure(error) }
        let given = Set(options.env.map { String($0.prefix { $0 != "=" }) })
        return try old.environmentNames.filter { !given.contains($0) }.map { name in
            if let value = values[name] { return .set(name, value) }
            guard caller.environment[name] != nil else {
                throw Failure(
                    "task.cannotRetry", "The value of \(name) that the earlier task was given was not kept.",
                    hint: "give it again: --env \(name)=VALUE", exitCode: ExitCodes.wrongState)
            }
            return .inherit(name)
        }
    }

    private func input(_ old: TaskSpec, _ kept: KeptInput) throws -> PreparedAttempt.StandardInput {
        if let stdin { return try RunInput(prompt: nil, isCommand: true, stdin: stdin).standardInput }
        if let file = kept.standardInput { return .file(file) }
        switch old.stdin {
        case .none: return .none
        // An agent's standard input has become part of its prompt.
        case .inherited where old.command == nil, .file where old.command == nil: return .none
        case .file(let path): return try RunInput(prompt: nil, isCommand: true, stdin: path).standardInput
        case .inherited:
            throw Failure(
                "task.cannotRetry", "The standard input of the earlier task was not kept.",
                hint: "give it again: --stdin FILE", exitCode: ExitCodes.wrongState)
        }
    }

    private func failure(_ error: SupervisionError) -> Failure {
        Failure(error.reason.code.rawValue, error.reason.message, exitCode: ExitCodes.notRun)
    }
}
