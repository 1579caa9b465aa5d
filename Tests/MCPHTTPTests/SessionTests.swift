import MCP
import Testing

@testable import MCPHTTP

struct SessionTests {
    private let server = Server(info: Implementation(name: "test", version: "1"), tools: { [] })

    private func session() -> Session { Session(server: server, principal: "test") }

    @Test func namesAreLongAndNeverTheSame() {
        let names = (0..<100).map { _ in session().id }
        #expect(Set(names).count == 100 && names.allSatisfy { $0.count == 32 })
    }

    @Test func aSessionEndsWhenNobodyUsesItAndNotBefore() async throws {
        let sessions = Sessions(validity: .milliseconds(200))
        let (idle, listening) = (session(), session())
        sessions.add(idle)
        sessions.add(listening)
        let stream = listening.listen()
        for _ in 0..<4 {
            try await Task.sleep(for: .milliseconds(100))
            #expect(sessions[idle.id] != nil)
        }
        try await Task.sleep(for: .milliseconds(400))
        #expect(sessions[idle.id] == nil)
        sessions.expire()
        #expect(sessions[listening.id] != nil)
        listening.leave(stream)
        try await Task.sleep(for: .milliseconds(400))
        sessions.expire()
        #expect(sessions[listening.id] == nil)
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
