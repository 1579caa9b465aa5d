import ArgumentParser
import Store
import Supervision

/// `claudine status`: everything that is known about one task, or without one how queue and daemon stand.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show everything about a task, or how the queue stands.",
        discussion: "Without a task: the daemon, slots, what waits, and whether another task would be started now.")

    @Argument(help: ArgumentHelp("A task id, or the beginning of one.", valueName: "id"))
    var id: String?

    @Flag(help: "Print one JSON object: the task record, or the queue's state.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print the state only.")
    var quiet = false

    @OptionGroup var options: StateOptions
    @OptionGroup var configuration: ConfigurationOptions

    func run() async throws {
        let store = try await options.store()
        guard let id else {
            let view = try QueueView(store, configuration.places().read().settings)
            return try Answer(asJSON: json).write(view) { quiet ? view.word + "\n" : view.text }
        }
        let record = try store.existingRecord(store.task(named: id))
        try Answer(asJSON: json).write(record) { quiet ? record.state.rawValue + "\n" : record.text }
    }
}
