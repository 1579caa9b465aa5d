import Foundation
import Testing

@testable import Store
@testable import Supervision

struct RecoveryTests {
    @Test func theFilesOfAnInstanceThatWasKilledGoWithWhatItRan() async throws {
        let ground = try Ground()
        let killed = try Ground.stranger()
        let files = [ground.store.paths.instanceLock(killed.id), ground.store.paths.instanceBell(killed.id)]
        for file in files { try Data().write(to: URL(fileURLWithPath: file)) }
        let submission = try ground.store.submit(ground.spec(), owner: killed, claiming: ground.frozen())
        guard case .claimed(let claim) = submission else {
            Issue.record("\(submission)")
            return
        }
        let daemon = try ground.attempt(.running)
        let report = try await Recovery.pass(ground.store)
        #expect(report.ended == 2)
        #expect(try [claim, daemon].map { try ground.record($0).state } == [.lost, .lost])
        #expect(files.filter(FileManager.default.fileExists) == [])
        #expect(try ground.store.instances().isEmpty)
    }
}
