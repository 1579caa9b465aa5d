import Foundation
import Testing

@testable import Store

/// What is open is what is at the path, and goes on where a machine that went down left off.
struct PlaceTests {
    private func code(_ body: () throws -> Void) -> StoreError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? StoreError)?.code
        }
    }

    @Test func aDatabaseThatIsNotThereAnyMoreIsToldFromOneThatIs() throws {
        let fixture = try Fixture()
        let store = try fixture.open()
        _ = try store.enqueue(fixture.spec())
        let elsewhere = fixture.directory + "/elsewhere"
        try FileManager.default.moveItem(atPath: fixture.paths.database, toPath: elsewhere)
        #expect(code { _ = try store.list() } == .moved)
        #expect(code { _ = try store.enqueue(fixture.spec()) } == .moved)
        #expect(FileManager.default.createFile(atPath: fixture.paths.database, contents: nil))
        #expect(code { _ = try store.enqueue(fixture.spec()) } == .moved)
        try FileManager.default.removeItem(atPath: fixture.paths.database)
        try FileManager.default.moveItem(atPath: elsewhere, toPath: fixture.paths.database)
        _ = try store.enqueue(fixture.spec())
        #expect(try store.list().count == 2)
    }

    @Test func afterARebootNumbersOfEventsGoOnBehindAGapUntilEveryAttemptIsSettled() throws {
        let fixture = try Fixture()
        let store = try fixture.open()
        let claim = try store.enqueueAndClaim(
            fixture.spec(), frozen: fixture.frozen, instance: identity(bootID: "another"))
        let last = try store.lastEvent()
        let later = try fixture.open()
        #expect(try later.end(claim, Ending(Reason(.lostReboot))))
        let first = try #require(try later.events(since: last).first)
        #expect(first.seq > last + 1000)
        // One gap for each process, and none any more.
        _ = try later.enqueue(fixture.spec())
        _ = try fixture.open().enqueue(fixture.spec())
        let numbers = try later.events(since: last).map(\.seq)
        #expect(numbers == Array(first.seq..<(first.seq + Int64(numbers.count))))
    }

    @Test func anAttemptOfThisBootLeavesNoGap() throws {
        let fixture = try Fixture()
        let store = try fixture.open()
        _ = try store.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: identity())
        let last = try store.lastEvent()
        _ = try fixture.open().enqueue(fixture.spec())
        #expect(try store.events(since: last).first?.seq == last + 1)
    }
}
