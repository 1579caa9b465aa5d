import Policy
import Store
import Supervision

/// An ended task that a new one repeats or goes on with: for `retry` and `resume`, whoever asks for them.
struct EarlierTask {
    let record: TaskRecord
    let spec: TaskSpec
    private let kept: KeptInput

    init(record: TaskRecord, _ store: Store) throws {
        guard let spec = try store.spec(record.taskId) else {
            throw Failure("task.unknown", "The task \(record.taskId) was removed.", exitCode: ExitCodes.noSuchTask)
        }
        self.record = record
        self.spec = spec
        kept = KeptInput(record.taskId, store.paths)
    }

    // MARK: - Again from the start

    /// The same request once more.
    func repeated() throws -> TaskSpec {
        guard record.state.isTerminal else {
            throw Failure(
                "task.cannotRetry", "The task \(record.taskId) has not ended: it is \(record.state.rawValue).",
                hint: "wait for it, or cancel it first", exitCode: ExitCodes.wrongState)
        }
        guard spec.resumes == nil else {
            throw Failure(
                "task.cannotRetry",
                "The task \(record.taskId) went on with an earlier session, which cannot be begun anew.",
                hint: "claudine resume \(record.taskId) goes on with it", exitCode: ExitCodes.wrongState)
        }
        var spec = spec
        spec.retryOf = record.taskId
        // What it waited for is over, and its key is its own.
        (spec.after, spec.afterAny, spec.idempotencyKey, spec.surroundings) = (nil, nil, nil, nil)
        return spec
    }

    /// The values that were kept; where none were, the caller's own.
    ///
    /// - Parameter given: names of variables that are given anew.
    func variables(_ caller: Caller, besides given: Set<String> = []) throws -> [EnvironmentRequest] {
        let values: [String: String]
        do throws(SupervisionError) { values = try kept.variables() ?? [:] } catch {
            throw Failure(error.reason.code.rawValue, error.reason.message, exitCode: ExitCodes.notRun)
        }
        return try spec.environmentNames.filter { !given.contains($0) }.map { name in
            if let value = values[name] { return .set(name, value) }
            guard caller.environment[name] != nil else {
                throw Failure(
                    "task.cannotRetry", "The value of \(name) that the earlier task was given was not kept.",
                    hint: "give it again: --env \(name)=VALUE", exitCode: ExitCodes.wrongState)
            }
            return .inherit(name)
        }
    }

    func input() throws -> PreparedAttempt.StandardInput {
        if let file = kept.standardInput { return .file(file) }
        switch spec.stdin {
        case .none: return .none
        // An agent's standard input has become part of its prompt.
        case .inherited where spec.command == nil, .file where spec.command == nil: return .none
        case .file(let path): return try RunInput(prompt: nil, isCommand: true, stdin: path).standardInput
        case .inherited:
            throw Failure(
                "task.cannotRetry", "The standard input of the earlier task was not kept.",
                hint: "give it again: --stdin FILE", exitCode: ExitCodes.wrongState)
        }
    }

    // MARK: - On with its session

    /// Makes `spec` go on with the session of this task's agent.
    func continued(by spec: inout TaskSpec) throws {
        guard let session = record.sessionId else {
            throw refusal("it has no session", "only an agent that told its session can go on with it")
        }
        guard record.state.isTerminal else {
            throw refusal("it is still \(record.state.rawValue)", "wait for it, or cancel it first")
        }
        spec.resumes = record.taskId
        spec.homeOf = self.spec.homeOf ?? record.taskId
        spec.resumeSessionId = session
    }

    private func refusal(_ why: String, _ hint: String) -> Failure {
        Failure(
            "task.cannotResume", "The task \(record.taskId) cannot be resumed: \(why).", hint: hint,
            exitCode: ExitCodes.wrongState)
    }
}
