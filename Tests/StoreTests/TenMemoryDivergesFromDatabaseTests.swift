import GRDB
import Testing

@testable import Store

/// Issue 2 of docs/ten-issues.md: a map in memory and a row in the database, each of which believes to be the truth.
struct TenMemoryDivergesFromDatabaseTests {
    /// As the predecessor kept its tasks: the map first, then the whole row, whatever it says by now; what fails is logged.
    private final class NaiveTasks {
        let database: DatabaseQueue
        var memory: [String: String] = [:]

        init(_ database: DatabaseQueue) throws {
            self.database = database
            try database.write { db in
                try db.execute(sql: "CREATE TABLE IF NOT EXISTS task (id TEXT PRIMARY KEY, status TEXT)")
            }
        }

        func set(_ id: String, _ status: String) {
            memory[id] = status
            try? database.write { db in
                try db.execute(sql: "INSERT OR REPLACE INTO task VALUES (?, ?)", arguments: [id, status])
            }
        }

        func stored(_ id: String) throws -> String? {
            try database.read { db in
                try String.fetchOne(db, sql: "SELECT status FROM task WHERE id = ?", arguments: [id])
            }
        }
    }

    @Test func theNaiveMapSaysWhatTheDatabaseHasNeverHeard() throws {
        let tasks = try NaiveTasks(DatabaseQueue())
        try tasks.database.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA query_only = ON") }
        tasks.set("a", "queued")
        #expect(tasks.memory["a"] == "queued")
        #expect(try tasks.stored("a") == nil)
    }

    @Test func theNaiveRowIsOverwrittenByALateCompletion() throws {
        let database = try DatabaseQueue()
        let (owner, canceller) = try (NaiveTasks(database), NaiveTasks(database))
        owner.set("a", "running")
        canceller.set("a", "cancelled")
        owner.set("a", "completed")
        #expect(try owner.stored("a") == "completed")
        #expect(canceller.memory["a"] == "cancelled")
    }

    @Test func hereWhatTheDatabaseDidNotTakeDoesNotExist() throws {
        let fixture = try Fixture()
        let (store, other) = try (fixture.open(), fixture.open())
        let running = try store.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: identity())
        let before = try other.everything()
        try store.database.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA query_only = ON") }
        let id = TaskID.random()
        #expect(throws: StoreError.self) { try store.submit(fixture.spec(), id: id) }
        #expect(throws: StoreError.self) { try store.end(running, .succeeded) }
        #expect(throws: StoreError.self) { try store.requestStop(running.taskID, by: .user) }
        // Who was refused and who was not there are shown the same.
        #expect(try store.record(id) == nil)
        #expect(try store.everything() == before && other.everything() == before)
        try store.database.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA query_only = OFF") }
        #expect(try store.end(running, .succeeded))
    }

    @Test func hereALateCompletionIsToldThatItIsLate() throws {
        let fixture = try Fixture()
        let (owner, canceller) = try (fixture.open(), fixture.open())
        let claim = try owner.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: identity())
        #expect(try canceller.end(claim, Ending(StopOrigin.user.reason)))
        #expect(try !owner.end(claim, .succeeded))
        let records = try (owner.record(claim.taskID), canceller.record(claim.taskID))
        #expect(records.0 == records.1 && records.0?.state == .cancelled)
    }
}
