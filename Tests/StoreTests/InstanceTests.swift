import Foundation
import Glibc
import Testing

@testable import Store

struct InstanceTests {
    @Test func anInstanceIsAliveAsLongAsItsHolder() throws {
        let fixture = try Fixture()
        let store = try fixture.open()
        let other = try fixture.open()
        let id = try register(store) { instance in
            // Twice: asking must not look like holding.
            let answers = [try other.isAlive(instance.identity.id), try other.isAlive(instance.identity.id)]
            #expect(answers == [true, true])
        }
        #expect(try !other.isAlive(id))
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.paths.instances).isEmpty)
    }

    @Test func aDeadInstanceIsForgottenOnceItHasNothingUnfinished() throws {
        let fixture = try Fixture()
        let store = try fixture.open()
        var claim: Claim?
        let id = try register(store) { instance in
            claim = try store.enqueueAndClaim(fixture.spec(), frozen: fixture.frozen, instance: instance.identity)
            #expect(try store.instances() == [instance.identity])
        }
        #expect(try store.forgetDeadInstances() == 0)
        #expect(try store.instances().map(\.id) == [id])
        // A process that ran its own task is done with it.
        #expect(try store.end(#require(claim), .succeeded))
        #expect(try store.instances().isEmpty)
        let daemon = try register(store) { try store.announceDaemon($0.identity, status: [:]) }
        #expect(try store.instances().map(\.id) == [daemon])
        #expect(try store.forgetDeadInstances() == 1)
        #expect(try store.instances().isEmpty)
    }

    @Test func whatAProcessLeavesThatWasKilledBeforeItsFirstRowGoesAfterAMinute() throws {
        let fixture = try Fixture()
        let store = try fixture.open()
        let living = try store.registerInstance()
        let files = ["inst_left.lock", "inst_left.bell", "inst_young.lock", "stranger"].map {
            "\(fixture.paths.instances)/\($0)"
        }
        for file in files { close(open(file, O_CREAT | O_WRONLY, 0o600)) }
        let old = timeval(tv_sec: time(nil) - 61, tv_usec: 0)
        for file in [files[0], files[3], fixture.paths.instanceLock(living.identity.id)] {
            #expect(utimes(file, [old, old]) == 0)
        }
        #expect(try store.forgetDeadInstances() == 1)
        #expect(files.map { access($0, F_OK) == 0 } == [false, false, true, true])
        #expect(try store.isAlive(living.identity.id))
    }

    private func register(_ store: Store, _ body: (borrowing Instance) throws -> Void) throws -> InstanceID {
        let instance = try store.registerInstance()
        try body(instance)
        return instance.identity.id
    }
}
