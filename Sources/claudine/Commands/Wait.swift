import ArgumentParser
import Store

/// `claudine wait`: until tasks have ended, then exits as they did.
struct Wait: AsyncParsableCommand, ExitsAsTheTaskDid {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until tasks have ended.",
        discussion: "Exits with the task's code; with several tasks, with the first code that is not 0.")

    @Argument(help: ArgumentHelp("Task ids, or the beginnings of them.", valueName: "id"))
    var ids: [String]

    @Flag(help: "Print the task record as JSON; for several tasks {\"tasks\":[…]}.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print nothing.")
    var quiet = false

    @OptionGroup var options: StateOptions
    @OptionGroup var configuration: ConfigurationOptions

    func run() async throws {
        let store = try await options.store()
        var tasks: [TaskID] = []
        for task in try ids.map({ try store.task(named: $0) }) where !tasks.contains(task) { tasks.append(task) }
        let records = try await ended(tasks, store)
        if !quiet || json { try write(records) }
        if let code = records.compactMap(\.exitCode).first(where: { $0 != 0 }) { throw ExitCode(code) }
    }

    /// What waits for a daemon waits for ever where there is none.
    private func ensureRunner(of tasks: [TaskID], _ store: Store) async throws {
        guard try tasks.contains(where: { try store.waitsForDaemon($0) }) else { return }
        if let daemon = try store.daemon(), !daemon.isLeaving { return }
        try await Detached.ensureDaemon(store, configuration.caller(), quiet: quiet)
    }

    private func ended(_ tasks: [TaskID], _ store: Store) async throws -> [TaskRecord] {
        for await _ in store.changes() {
            // Whoever ran a task may have died since; somebody has to notice, and it may be us.
            try await BeforeReading.recover(store)
            try await ensureRunner(of: tasks, store)
            let records = try tasks.map(store.existingRecord)
            if records.allSatisfy(\.state.isTerminal) { return records }
        }
        throw CancellationError()
    }

    private func write(_ records: [TaskRecord]) throws {
        if let record = records.first, records.count == 1 {
            try Answer(asJSON: json).write(record) { Self.line(record) }
        } else {
            try Answer(asJSON: json).write(TaskList(tasks: records)) { records.map(Self.line).joined() }
        }
    }

    private static func line(_ record: TaskRecord) -> String {
        let reason = record.reason.map { "  [\($0.code.rawValue)] \($0.message.oneLine)" } ?? ""
        return
            "\(record.taskId)  \(record.state.colour?.paint(record.state.rawValue) ?? record.state.rawValue)\(reason)\n"
    }
}
