import ArgumentParser
import Store

/// `claudine status`: everything that is known about one task.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "Show everything about a task.")

    @Argument(help: ArgumentHelp("A task id, or the beginning of one.", valueName: "id"))
    var id: String

    @Flag(help: "Print the task record as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print the state only.")
    var quiet = false

    @OptionGroup var options: StateOptions

    func run() async throws {
        let store = try await options.store()
        let record = try store.existingRecord(store.task(named: id))
        try Answer(asJSON: json).write(record) { quiet ? record.state.rawValue + "\n" : record.text }
    }
}
