import ArgumentParser
import Store

/// `claudine rm`: forgets tasks that have ended.
struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Forget ended tasks: record, output and private home.")

    @Argument(help: ArgumentHelp("Task ids, or the beginnings of them.", valueName: "id"))
    var ids: [String]

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print nothing.")
    var quiet = false

    @OptionGroup var options: StateOptions

    func run() async throws {
        let store = try await options.store()
        var tasks: [TaskID] = []
        for task in try ids.map({ try store.task(named: $0) }) where !tasks.contains(task) { tasks.append(task) }
        for record in try tasks.map(store.existingRecord) where !record.state.isTerminal {
            throw Failure(
                "task.live", "The task \(record.taskId) has not ended: it is \(record.state.rawValue).",
                hint: "claudine cancel \(record.taskId), then claudine wait \(record.taskId)",
                detail: ["taskId": .string(record.taskId.text), "state": .string(record.state.rawValue)],
                exitCode: ExitCodes.wrongState)
        }
        for task in tasks {
            guard let other = try store.tasks(inHomeOf: task).first(where: { !tasks.contains($0) }) else { continue }
            throw Failure(
                "task.inUse", "The task \(other) goes on in the private home of \(task).",
                hint: "remove \(other) first, or both together", detail: ["taskId": .string(other.text)],
                exitCode: ExitCodes.wrongState)
        }
        for task in tasks {
            // Files first: what is left after a crash here is a record that can be removed again.
            try TaskFiles.remove(task, store.paths)
            _ = try store.remove(task)
        }
        if !quiet || json {
            try Answer(asJSON: json).write(["removed": tasks]) { tasks.map { $0.text + "\n" }.joined() }
        }
    }
}
