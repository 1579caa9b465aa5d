import ArgumentParser
import Store
import Supervision

/// Where the state is kept; every command that reads or writes it has this option.
struct StateOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Keep the state in this directory.", valueName: "dir"))
    var stateDir: String?

    func paths() throws(StoreError) -> StatePaths {
        try StatePaths.locate(option: stateDir, environment: Environment.current)
    }

    /// The store, opened and brought in line with what is really alive.
    func store() async throws -> Store {
        let store = try Store.open(paths())
        try await BeforeReading.recover(store)
        return store
    }
}

extension Store {
    /// The task that `text` names; throws with exit code 4 when there is none.
    func task(named text: String) throws -> TaskID {
        switch try find(text) {
        case .unique(let id): return id
        case .none:
            throw Failure(
                "task.unknown", "There is no task '\(text)'.", hint: "claudine list shows what there is",
                exitCode: ExitCodes.noSuchTask)
        case .ambiguous(let ids):
            throw Failure(
                "task.ambiguous", "'\(text)' fits more than one task: \(ids.map(\.text).joined(separator: ", ")).",
                hint: "write more of it", detail: ["tasks": .array(ids.map { .string($0.text) })],
                exitCode: ExitCodes.usage)
        }
    }

    /// The record of a task that was found a moment ago; somebody may have removed it since.
    func existingRecord(_ id: TaskID) throws -> TaskRecord {
        guard let record = try record(id) else {
            throw Failure("task.unknown", "The task \(id) was removed.", exitCode: ExitCodes.noSuchTask)
        }
        return record
    }
}

/// What brings the store in line with what is really alive, before anybody reads it.
enum BeforeReading {
    static func recover(_ store: Store) async throws {
        let report = try await Recovery.pass(store)
        // What cannot be looked at is as before; the daemon refuses to go on with it, a reader is only told.
        for (task, error) in report.failed {
            StandardError.say("warning: \(task) could not be recovered: \(error.message)")
        }
    }
}
