import MCP
import Synchronization
import Testing

@testable import MCPHTTP

struct SessionTests {
    private let server = Server(info: Implementation(name: "test", version: "1"), tools: { [] })

    private func session() -> Session { Session(server: server, principal: "test") }

    @Test func namesAreLongAndNeverTheSame() {
        let names = (0..<100).map { _ in session().id }
        #expect(Set(names).count == 100 && names.allSatisfy { $0.count == 32 })
    }

    @Test func aSessionEndsWhenNobodyUsesItAndNotBefore() {
        let time = Clockwork()
        let sessions = Sessions(validity: .seconds(3600)) { time.now }
        let session = session()
        sessions.add(session)
        for _ in 0..<4 {
            time.pass(.seconds(3000))
            #expect(sessions[session.id] != nil)
        }
        time.pass(.seconds(4000))
        #expect(sessions[session.id] == nil)
    }

    @Test func whoListensKeepsHisSession() {
        let time = Clockwork()
        let sessions = Sessions(validity: .seconds(3600)) { time.now }
        let session = session()
        sessions.add(session)
        let stream = session.listen()
        time.pass(.seconds(4000))
        sessions.expire()
        #expect(sessions[session.id] != nil)
        session.leave(stream)
        time.pass(.seconds(4000))
        sessions.expire()
        #expect(sessions[session.id] == nil)
    }

    @Test func ofTooManyTheEldestGoes() {
        let sessions = Sessions(validity: .seconds(60))
        let all = (0..<257).map { _ in session() }
        for session in all { sessions.add(session) }
        #expect(sessions[all[0].id] == nil)
        #expect(all.dropFirst().allSatisfy { sessions[$0.id] != nil })
    }

    @Test func whatBelongsToNoRequestWaitsForWhoListens() async {
        let mailbox = Mailbox(limits: Limits())
        for _ in 0..<200 { mailbox.send(.notification(method: "kept", params: [:])) }
        let stream = mailbox.open()
        mailbox.send(.notification(method: "told", params: [:]))
        mailbox.close()
        var count = 0
        for await _ in stream.parts { count += 1 }
        #expect(count == 101)
    }
}

/// A clock that goes on when it is told to.
private final class Clockwork: Sendable {
    private let instant = Mutex(ContinuousClock.now)
    var now: ContinuousClock.Instant { instant.withLock { $0 } }
    func pass(_ duration: Duration) { instant.withLock { $0 += duration } }
}
