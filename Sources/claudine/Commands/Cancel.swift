import ArgumentParser
import Store

/// `claudine cancel`: asks tasks to stop.
struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Ask tasks to stop.",
        discussion: "Returns as soon as the wish is written down; claudine wait waits for the end.")

    @Argument(help: ArgumentHelp("Task ids, or the beginnings of them.", valueName: "id"))
    var ids: [String] = []

    @Flag(help: "Cancel every task that has not ended.")
    var all = false

    @Flag(help: "Kill at once, without the time that the policy gives to stop by itself.")
    var force = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print nothing.")
    var quiet = false

    @OptionGroup var options: StateOptions

    func validate() throws {
        guard ids.isEmpty == all else {
            throw ValidationError(all ? "--all and task ids exclude each other" : "name a task, or give --all")
        }
    }

    func run() async throws {
        let store = try await options.store()
        // All names are looked up first, so that a typing error cancels nothing.
        let tasks =
            try all
            ? store.list(TaskFilter(states: TaskState.live)).map(\.taskId) : ids.map { try store.task(named: $0) }
        let answers = try tasks.map { try cancel($0, store) }
        // With --all a task may end by itself in between, which is what was wanted.
        let ended = all ? [] : answers.filter { $0.result == .alreadyEnded }
        if json, !ended.isEmpty { throw Self.failure(ended, answers) }
        if !quiet || json {
            try Answer(asJSON: json).write(CancelAnswers(tasks: answers)) {
                answers.filter { $0.result != .alreadyEnded }.map { "\($0.taskId)  \($0.text)\n" }.joined()
            }
        }
        if !ended.isEmpty { throw Self.failure(ended, answers) }
    }

    private static func failure(_ ended: [CancelAnswer], _ answers: [CancelAnswer]) -> Failure {
        Failure(
            "task.ended", ended.map { "The task \($0.taskId) \($0.text)." }.joined(separator: " "),
            detail: [
                "tasks": .array(
                    answers.map { answer in
                        ["taskId": .string(answer.taskId.text), "result": .string(answer.result.rawValue)]
                    })
            ],
            exitCode: ExitCodes.wrongState)
    }

    private func cancel(_ id: TaskID, _ store: Store) throws -> CancelAnswer {
        guard let result = try store.requestStop(id, by: .user, force: force) else {
            throw Failure("task.unknown", "The task \(id) was removed.", exitCode: ExitCodes.noSuchTask)
        }
        return switch result {
        case .recorded: CancelAnswer(taskId: id, result: .stopping)
        case .alreadyStopping(let reason): CancelAnswer(taskId: id, result: .alreadyStopping, reason: reason)
        case .alreadyEnded(let state): CancelAnswer(taskId: id, result: .alreadyEnded, state: state)
        case .cancelledAtOnce: CancelAnswer(taskId: id, result: .cancelled, state: .cancelled)
        }
    }
}

/// What `cancel --json` prints.
struct CancelAnswers: Encodable {
    var tasks: [CancelAnswer]
}

/// What became of the wish to stop one task.
struct CancelAnswer: Encodable {
    enum Result: String, Encodable {
        case stopping, alreadyStopping, alreadyEnded, cancelled
    }

    var taskId: TaskID
    var result: Result
    var state: TaskState?
    /// Why it was stopping already.
    var reason: Reason?

    var text: String {
        switch result {
        case .stopping: "asked to stop"
        case .alreadyStopping: "is stopping already: \(reason?.message.oneLine ?? "")"
        case .alreadyEnded: "has already ended: \(state?.rawValue ?? "")"
        case .cancelled: "cancelled before it ran"
        }
    }
}
