import Foundation
import Testing

@testable import Store

/// The real store beside `Specification`: random interleavings of everything that can happen, through two connections.
struct StateMachineModelTests {
    private static let answers = [
        "submit created", "submit claimed", "submit queue.full", "submit dependency.missing",
        "submit dependency.invalid",
        "claim claimed", "claim noSlot", "claim notNow", "arm armed", "arm stopRequested", "arm stale",
        "start true", "start false", "exit true", "exit false", "stick true", "stick false",
        "stop timeout.wall", "stop stale", "end ended", "end stale", "again requeued", "again ended", "again stale",
        "ask recorded", "ask cancelledAtOnce", "ask alreadyStopping", "ask alreadyEnded", "refuse true", "refuse false",
        "remove removed", "remove live", "expire ", "die ",
    ]

    /// 20,000 steps, or as many as CLAUDINE_MODEL_STEPS says.
    @Test func noInterleavingDivergesFromTheSpecification() async throws {
        let steps = ProcessInfo.processInfo.environment["CLAUDINE_MODEL_STEPS"].flatMap(Int.init) ?? 20_000
        let seed =
            ProcessInfo.processInfo.environment["CLAUDINE_MODEL_SEED"].flatMap(UInt64.init)
            ?? UInt64.random(in: 1...UInt64.max)
        print("state machine: seed \(seed), \(steps) steps")
        let began = ContinuousClock.now
        var run = try ModelRun()
        guard let found = try await run.random(steps, seed: seed) else {
            print("state machine: no divergence in \(steps) steps, \(ContinuousClock.now - began)")
            // Whatever can happen has happened.
            let rare = steps < 20_000 ? [] : Self.answers.filter { run.answers[$0, default: 0] < 5 }
            #expect(rare == [], "\(run.answers)")
            return
        }
        let shortest = try await run.shortest(found, within: .seconds(60))
        Issue.record("seed \(seed), step \(found.actions.count): \(shortest)")
    }

    /// Mistakes that a store could make, planted as triggers: each is found, and shown by a few steps.
    @Test(arguments: [
        // A requeued task keeps the force of an earlier wish to stop.
        """
        CREATE TRIGGER mistake AFTER UPDATE OF stop_force ON task WHEN OLD.stop_force = 1 AND NEW.stop_force = 0
        BEGIN UPDATE task SET stop_force = 1 WHERE number = NEW.number; END
        """,
        // A dependent is forgotten when what it waits for is claimed.
        """
        CREATE TRIGGER mistake AFTER INSERT ON attempt
        BEGIN DELETE FROM dependency WHERE needs = (SELECT number FROM task WHERE id = NEW.task_id); END
        """,
        // A retry counts although it was not to.
        """
        CREATE TRIGGER mistake AFTER UPDATE OF counted ON attempt WHEN NEW.counted = 0
        BEGIN UPDATE attempt SET counted = 1 WHERE fence = NEW.fence; END
        """,
        // Somebody's second cancel makes a third event.
        """
        CREATE TRIGGER mistake AFTER INSERT ON event WHEN NEW.kind = 'task.stopRequested'
        BEGIN INSERT INTO event (time, boottime, task_id, kind, data_json)
            VALUES (0, 0, NEW.task_id, 'task.again', '{}'); END
        """,
    ])
    func aMistakeIsFoundAndShownByAFewSteps(_ trigger: String) async throws {
        var run = try ModelRun(trigger: trigger)
        let divergence = try await run.random(20_000, seed: 7)
        let found = try #require(divergence)
        let shortest = try await run.shortest(found, within: .seconds(60))
        #expect(shortest.actions.count <= 8, "\(shortest)")
    }
}
