import GRDB
import Testing

@testable import Store

/// What clients asked for, and what people said to it.
struct DoorsTests {
    private let fixture: Fixture
    private let store: Store

    init() throws {
        fixture = try Fixture()
        store = try fixture.open()
    }

    private func spec(of client: String?, _ name: String = "", running: Int? = nil) -> TaskSpec {
        var spec = fixture.spec(name)
        spec.client = client
        if client != nil { spec.grant = Grant(policy: "strict", roots: ["/w"], running: running) }
        return spec
    }

    @Test func whatAClientAskedForIsCountedAndFound() throws {
        let task = try store.enqueue(spec(of: "a")).taskId
        let start = Timestamp(milliseconds: 0)
        for (client, decision, task) in [
            ("a", AuditDecision.accepted, task), ("a", .refused, nil), ("a", .limited, nil), ("b", .accepted, nil),
        ] as [(String, AuditDecision, TaskID?)] {
            try store.audit(AuditEntry(client: client, tool: "T", digest: "d", decision: decision, task: task))
        }
        #expect(try store.accepted(of: "a", since: start).count == 1)
        #expect(try store.accepted(of: "a", since: Timestamp(milliseconds: .max)).count == 0)
        // Only what has become a task counts.
        #expect(try store.accepted(of: "b", since: start).count == 0)
        #expect(try store.task(ofRequest: "d", by: "a", since: start) == task)
        #expect(try store.task(ofRequest: "e", by: "a", since: start) == nil)
        #expect(try store.task(ofRequest: "d", by: "b", since: start) == nil)
        #expect(try store.liveTasks(of: "a") == 1)
        _ = try store.requestStop(task, by: .client)
        #expect(try store.liveTasks(of: "a") == 0)
        #expect(try store.remove(task) == .removed)
        #expect(try store.task(ofRequest: "d", by: "a", since: start) == nil)
    }

    @Test func aListOfAClientHasItsTasksOnlyPageByPage() throws {
        let ids = try (0..<5).map { try store.enqueue(spec(of: $0 % 2 == 0 ? "a" : nil, "\($0)")).taskId }
        #expect(try store.list(TaskFilter(client: "a")).map(\.name) == ["4", "2", "0"])
        #expect(try store.list(TaskFilter(limit: 1, client: "a", before: ids[4])).map(\.name) == ["2"])
        #expect(try store.list(TaskFilter(states: [.queued], client: "a", before: ids[2])).map(\.name) == ["0"])
        #expect(try store.record(ids[0])?.client == "a" && store.record(ids[1])?.client == nil)
    }

    @Test func aClientsOwnNumberOfRunningTasksIsItsBound() throws {
        let living = try LivingInstance(store)
        let ids = try (0..<3).map { try store.enqueue(spec(of: "a", "\($0)", running: 1)).taskId }
        let other = try store.enqueue(spec(of: nil, "other")).taskId
        #expect(try store.eligible(limit: 9).map(\.id) == ids + [other])
        let claim = try #require(try store.claim(ids[0], frozen: fixture.frozen, instance: living.identity))
        #expect(try store.eligible(limit: 9).map(\.id) == [other])
        #expect(try store.arm(claim, shepherd: fixture.shepherd) == .armed)
        #expect(try store.started(claim, child: fixture.child, receipt: nil))
        #expect(try store.eligible(limit: 9).map(\.id) == [other])
        #expect(try store.end(claim, .succeeded))
        #expect(try store.eligible(limit: 9).map(\.id) == [ids[1], ids[2], other])
    }

    @Test func consentIsGivenOnceAndSpentOnce() throws {
        func ask(_ digest: String = "d", _ client: String = "a") throws -> Approval {
            try #require(try store.requestApproval(of: digest, by: client, policy: "p", summary: "s"))
        }
        let first = try ask()
        #expect(try ask() == first && first.state == .open)
        #expect(try ask("e").approvalId != first.approvalId && ask("d", "b").approvalId != first.approvalId)
        #expect(try !store.spendApproval(of: "d", by: "a"))
        guard case .decided(let approved) = try store.decide(first.approvalId, isApproved: true) else {
            Issue.record("not decided")
            return
        }
        #expect(approved.state == .approved)
        #expect(try store.decide(first.approvalId, isApproved: false) == .notOpen(approved))
        #expect(try !store.spendApproval(of: "d", by: "b") && !store.spendApproval(of: "e", by: "a"))
        #expect(try store.spendApproval(of: "d", by: "a"))
        #expect(try !store.spendApproval(of: "d", by: "a"))
        let denied = try ask()
        #expect(denied.approvalId != first.approvalId)
        #expect(try !store.isDenied("d", by: "a"))
        _ = try store.decide(denied.approvalId, isApproved: false)
        #expect(try store.isDenied("d", by: "a") && !store.isDenied("e", by: "a") && !store.isDenied("d", by: "b"))
        #expect(try !store.spendApproval(of: "d", by: "a"))
        #expect(try store.decide("appr_x", isApproved: true) == .none)
        #expect(try store.approvals().map(\.state) == [.denied, .open, .open, .spent])
    }

    @Test func noMoreRequestsWaitThanAPersonReads() throws {
        for number in 0..<Store.mostOpenApprovals {
            #expect(try store.requestApproval(of: "\(number)", by: "a", policy: "p", summary: "s") != nil)
        }
        #expect(try store.requestApproval(of: "more", by: "a", policy: "p", summary: "s") == nil)
        #expect(try store.requestApproval(of: "0", by: "a", policy: "p", summary: "s") != nil)
        #expect(try store.requestApproval(of: "more", by: "b", policy: "p", summary: "s") != nil)
    }

    @Test func rowsOfAClockThatWasSetBackCountForNothing() throws {
        let task = try store.enqueue(spec(of: "a")).taskId
        try store.audit(AuditEntry(client: "a", tool: "t", digest: "d", decision: .accepted, task: task))
        let hour = Timestamp(milliseconds: Timestamp.now().milliseconds - 3_600_000)
        #expect(try store.requests(of: "a", since: hour) == 1 && store.accepted(of: "a", since: hour).count == 1)
        #expect(try store.task(ofRequest: "d", by: "a", since: hour) == task)
        try store.execute("UPDATE audit SET time = time + 3600000", [])
        #expect(try store.requests(of: "a", since: hour) == 0 && store.accepted(of: "a", since: hour).count == 0)
        #expect(try store.task(ofRequest: "d", by: "a", since: hour) == nil)
    }

    @Test func whatComesTooLateIsNoConsent() throws {
        let late = try #require(
            try store.requestApproval(of: "d", by: "a", policy: "p", summary: "s"))
        _ = try store.decide(late.approvalId, isApproved: true)
        try store.execute("UPDATE approval SET expires_at = 1 WHERE id = ?", [late.approvalId])
        #expect(try !store.spendApproval(of: "d", by: "a"))
        let open = try #require(
            try store.requestApproval(of: "e", by: "a", policy: "p", summary: "s"))
        try store.execute("UPDATE approval SET expires_at = 1 WHERE id = ?", [open.approvalId])
        guard case .notOpen(let expired) = try store.decide(open.approvalId, isApproved: true) else {
            Issue.record("decided")
            return
        }
        #expect(expired.state == .expired)
    }
}
