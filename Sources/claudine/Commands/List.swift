import ArgumentParser
import Policy
import Store

/// `claudine list`: tasks, newest first.
struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Show tasks, newest first.")

    @Option(name: .long, help: "Only tasks in this state (repeatable, or separated by commas).")
    var state: [String] = []

    @Option(name: .long, help: "Only tasks with this label (repeatable: all of them).")
    var label: [String] = []

    @Option(help: ArgumentHelp("Only tasks created since: 30m, 2h, 7d, or 2026-01-31T09:00:00Z.", valueName: "when"))
    var since: SinceTime?

    @Option(help: "At most this many.")
    var limit: Int?

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print task ids only.")
    var quiet = false

    @OptionGroup var options: StateOptions

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit is a whole number above 0, not \(limit)") }
        _ = try states()
    }

    func run() async throws {
        let filter = TaskFilter(states: try states(), labels: label, since: since?.timestamp, limit: limit)
        let tasks = try await options.store().list(filter)
        if quiet, !json {
            try StandardOutput.write(tasks.map { $0.taskId.text + "\n" }.joined())
        } else {
            try Answer(asJSON: json).write(TaskList(tasks: tasks)) { Self.table(tasks) }
        }
    }

    private func states() throws -> [TaskState] {
        try state.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }.map { word in
            guard let state = TaskState(rawValue: String(word)) else {
                let known = TaskState.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("'\(word)' is not a state; states are \(known)")
            }
            return state
        }
    }

    private static func table(_ tasks: [TaskRecord]) -> String {
        var table = TextTable(head: ["TASK", "STATE", "CODE", "POLICY", "AGENT", "CREATED", "WHAT"])
        let now = Timestamp.now().milliseconds
        table.rows = tasks.map { task in
            [
                .init(task.taskId.text), .init(task.state.rawValue, task.state.colour),
                .init(task.exitCode.map(String.init) ?? "-"), .init(task.policy.name.oneLine),
                .init(task.agent.oneLine), .init(Span.text(max(0, now - task.createdAt.milliseconds)) + " ago"),
                .init(task.work.shortened(to: 60)),
            ]
        }
        return table.text
    }
}

/// A point in time as one types it: how long ago, or RFC 3339 in UTC.
struct SinceTime: ExpressibleByArgument {
    let timestamp: Timestamp

    init?(argument: String) {
        if let time = Timestamp(rfc3339: argument) {
            timestamp = time
        } else if let span = try? TimeSpan(parsing: argument),
            let milliseconds = Int64(exactly: span.milliseconds)
        {
            timestamp = Timestamp(milliseconds: Timestamp.now().milliseconds - milliseconds)
        } else {
            return nil
        }
    }
}
