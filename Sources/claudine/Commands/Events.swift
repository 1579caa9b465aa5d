import ArgumentParser
import Store

/// `claudine events`: the event log, one JSON object a line.
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Print the event log, one JSON object a line.",
        discussion:
            "A follower that starts again with --since and the last seq it saw misses nothing and sees nothing twice.")

    @Flag(name: [.short, .long], help: "Go on with what happens next.")
    var follow = false

    @Option(help: ArgumentHelp("Only events after this one.", valueName: "seq"))
    var since: Int64 = 0

    @Option(help: ArgumentHelp("Only events of this task.", valueName: "id"))
    var task: String?

    @Flag(help: "Accepted for symmetry: events are always JSON.")
    var json = false

    @OptionGroup var options: StateOptions

    /// Events read in one go.
    private static let page = 1000

    func validate() throws {
        guard since >= 0 else { throw ValidationError("--since is the seq of an event, not \(since)") }
    }

    func run() async throws {
        let store = try await options.store()
        let task = try task.map { try store.task(named: $0) }
        var last = since
        try drain(store, task, &last)
        guard follow else { return }
        for await _ in store.changes() { try drain(store, task, &last) }
    }

    private func drain(_ store: Store, _ task: TaskID?, _ last: inout Int64) throws {
        while true {
            let events = try store.events(since: last, task: task, limit: Self.page)
            guard let end = events.last else { return }
            try StandardOutput.write(events.map { try JSONText.encode($0) + "\n" }.joined())
            last = end.seq
        }
    }
}
