import Testing

@testable import Store

/// A foreground command claims what it has made itself, and nobody else does.
struct OwnerTests {
    let fixture: Fixture
    let store: Store

    init() throws {
        fixture = try Fixture()
        store = try fixture.open()
    }

    private func submit(_ owner: InstanceIdentity?, after: TaskID? = nil) throws -> TaskID {
        var spec = fixture.spec()
        spec.after = after.map { [$0] }
        return try #require(try store.submit(spec, owner: owner).record?.taskId)
    }

    @Test func onlyTheOwnerClaims() throws {
        let mine = try identity()
        let id = try submit(mine)
        #expect(try store.queuedTask(id)?.owner == mine.id)
        #expect(try store.claim(id, frozen: fixture.frozen, instance: identity()) == nil)
        let claim = try #require(try store.claim(id, frozen: fixture.frozen, instance: mine))
        // Also when it is tried again.
        #expect(try store.requeue(claim, Reason(.spawnResources)) == .requeued(.spawnResources))
        #expect(try store.claim(id, frozen: fixture.frozen, instance: identity()) == nil)
        #expect(try store.claim(id, frozen: fixture.frozen, instance: mine) != nil)
    }

    @Test func whatBelongsToNobodyIsAnybodys() throws {
        let id = try submit(nil)
        #expect(try store.queuedTask(id)?.owner == nil)
        #expect(try store.claim(id, frozen: fixture.frozen, instance: identity()) != nil)
    }

    @Test func whatADeadInstanceWasToRunIsLost() throws {
        let living = try LivingInstance(store)
        var dying: LivingInstance? = try LivingInstance(store)
        let gone = try #require(dying?.identity)
        let kept = try submit(living.identity)
        let free = try submit(nil)
        let first = try submit(gone)
        let second = try submit(gone, after: first)
        let dependent = try submit(living.identity, after: first)
        let running = try store.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: gone)
        #expect(try store.endOrphaned().isEmpty)
        #expect(try store.forgetDeadInstances() == 0)

        dying = nil
        #expect(try store.endOrphaned() == [first])
        let record = try #require(try store.record(first))
        #expect(record.state == .lost && record.reason?.code == .lostSupervisor && record.attempts == 0)
        #expect(try store.record(second)?.state.isTerminal == true)
        #expect(try store.record(dependent)?.reason?.code == .cancelledDependency)
        #expect(try [kept, free].map { try store.record($0)?.state } == [.queued, .queued])
        // What runs is recovery's affair: its processes come first.
        #expect(try store.record(running.taskID)?.state == .starting)
        #expect(try store.forgetDeadInstances() == 0)
        #expect(try store.endOrphaned().isEmpty)
        #expect(try store.end(running, Ending(Reason(.lostSupervisor))))
        #expect(try !store.instances().contains { $0.id == gone.id })
        withExtendedLifetime(living) {}
    }

    @Test func theDaemonLeavesOnlyWhenNothingCountsOnIt() throws {
        let daemon = try LivingInstance(store)
        let foreground = try LivingInstance(store)
        try store.announceDaemon(daemon.identity, status: ["admission": ["ok": true]])
        #expect(try store.daemon()?.identity.id == daemon.identity.id)
        let owned = try submit(foreground.identity)
        let free = try submit(nil)
        #expect(try !store.leave(daemon.identity))
        let claim = try #require(try store.claim(free, frozen: fixture.frozen, instance: daemon.identity))
        #expect(try !store.leave(daemon.identity))
        #expect(try store.daemon()?.isLeaving == false)
        #expect(try store.end(claim, .succeeded))
        #expect(try store.leave(daemon.identity))
        #expect(try store.daemon()?.isLeaving == true)
        #expect(try store.record(owned)?.state == .queued)
        withExtendedLifetime((daemon, foreground)) {}
    }
}
