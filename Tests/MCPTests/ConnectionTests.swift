import Synchronization
import Testing

@testable import MCP

@Suite struct ConnectionTests {
    // MARK: - Eras

    @Test func theEraIsFoundOutForEachRequest() async throws {
        let desk = Desk()
        #expect(try await desk.ask("tools/list").contains("The connection is not initialized"))
        #expect(try await desk.ask("tools/list", Desk.modern()).contains(#""resultType":"complete""#))
        _ = try await desk.initialize()
        #expect(try await desk.ask("tools/list").contains("resultType") == false)
        #expect(try await desk.ask("tools/list", Desk.modern()).contains(#""resultType":"complete""#))
        #expect(try await desk.initialize().contains("initialized already"))
        // A token alone is no envelope.
        #expect(try await desk.ask("tools/list", #"{"_meta":{"progressToken":1}}"#).contains("resultType") == false)
    }

    @Test func whereNothingCanBeAgreedUponEveryRequestNeedsItsEnvelope() async throws {
        let desk = Desk(isModernOnly: true)
        for method in ["initialize", "ping", "tools/list", "server/discover"] {
            #expect(try await desk.ask(method).contains(#""code":-32602,"#), "\(method)")
        }
        #expect(try await desk.ask("server/discover", Desk.modern()).hasPrefix(#""result":"#))
    }

    @Test func whatIsAgreedUponCountsForTheNextMessage() async throws {
        for _ in 0..<50 {
            let desk = Desk()
            desk.tell(
                #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"a","version":"1"}}}"#
            )
            desk.tell(#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#)
            let answer = try await desk.frame("list") { $0.contains(#""id":2,"#) }
            #expect(answer.contains(#""result":"#))
        }
    }

    @Test func listsAreToldOfOnlyAfterTheBeginning() async throws {
        let desk = Desk()
        _ = try await desk.initialize()
        try await Task.sleep(for: .milliseconds(20))
        #expect(desk.frames.count == 1)
        desk.tell(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        #expect(
            try await desk.frame("change") { $0.contains("list_changed") }
                == #"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#)
    }

    // MARK: - Cancelling

    @Test func aCancelledRequestIsNotAnswered() async throws {
        let desk = Desk()
        desk.tell(
            #"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":\#(Desk.modern(#""name":"hold""#, "{}", #","progressToken":"t""#))}"#
        )
        _ = try await desk.frame("progress") { $0.contains("notifications/progress") }
        for id in ["8", "\"7\"", "null", "7.5", "{}"] {
            desk.tell(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":\#(id)}}"#)
        }
        #expect(!desk.connection.isIdle)
        desk.tell(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#)
        #expect(desk.connection.isIdle)
        // Its id is free again, and what is left of it answers nobody.
        #expect(
            try await desk.ask("server/discover", Desk.modern(), id: "7").hasPrefix(#""result":{"supportedVersions""#))
        try await Task.sleep(for: .milliseconds(20))
        #expect(desk.frames.filter { $0.contains(#""id":7,"#) }.count == 1)
    }

    /// Cancelled when it may or may not be done, a request is answered once at most, and the next one with its id exactly once.
    @Test(arguments: 0..<10) func cancellingRacesWithAnswering(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        var server = Sample.server()
        server.limits.inFlight = 1000
        let desk = Desk(server)
        for index in 0..<100 {
            let params = Desk.modern(#""name":"echo","arguments":{"text":"\#(index)"}"#)
            desk.tell(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":\#(params)}"#)
            try await Task.sleep(for: .microseconds(Int.random(in: 0..<200, using: &generator)))
            desk.tell(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#)
        }
        _ = try await desk.ask("server/discover", Desk.modern(), id: "2")
        let answers = desk.frames.filter { $0.contains(#""id":1,"#) }
        #expect(answers.allSatisfy { $0.contains("structuredContent") }, "seed \(seed)")
        #expect(Set(answers).count == answers.count, "seed \(seed): one was answered twice")
    }

    // MARK: - Bounds

    @Test func requestsInFlightHaveABound() async throws {
        var server = Sample.server()
        server.limits.inFlight = 3
        server.limits.subscriptions = 1
        server.changes = nil
        let desk = Desk(server)
        for id in 1...3 {
            desk.tell(
                #"{"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":\#(Desk.modern(#""name":"hold""#))}"#)
        }
        #expect(
            try await desk.ask("tools/list", Desk.modern(), id: "4")
                == #""error":{"code":-32603,"message":"3 requests are open already, as many as may be.","data":{"retryAfterMs":1000}}"#
        )
        #expect(try await desk.ask("tools/list", Desk.modern(), id: "1").contains("is not answered yet"))
        let listen = Desk.modern(#""notifications":{"toolsListChanged":true}"#)
        desk.tell(#"{"jsonrpc":"2.0","id":5,"method":"subscriptions/listen","params":\#(listen)}"#)
        _ = try await desk.frame("acknowledgement") { $0.contains(#""params":{"notifications":{},"#) }
        #expect(
            try await desk.ask("subscriptions/listen", listen, id: "6").contains("1 subscriptions are open already"))
        desk.tell(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}"#)
        let end = ContinuousClock.now + .seconds(60)
        while try await desk.ask("tools/list", Desk.modern(), id: "4").contains("error"), ContinuousClock.now < end {}
        #expect(try await desk.ask("tools/list", Desk.modern(), id: "4").hasPrefix(#""result":"#))
    }

    @Test func nonsenseInARowEndsTheConnection() throws {
        var server = Sample.server()
        server.limits.nonsense = 3
        let refused = Mutex(0)
        server.onRefusal = { _ in refused.withLock { $0 += 1 } }
        let connection = Desk(server).connection
        let nonsense = Array("nonsense".utf8)
        let sense = Array(#"{"jsonrpc":"2.0","method":"n"}"#.utf8)
        #expect([nonsense, nonsense, sense, nonsense, nonsense].allSatisfy { connection.receive($0) })
        #expect(!connection.receive(nonsense))
        #expect(refused.withLock { $0 } == 5)
    }

    @Test func aClosedConnectionDoesNothingMore() async throws {
        let desk = Desk()
        desk.tell(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":\#(Desk.modern(#""name":"hold""#))}"#)
        desk.connection.close()
        #expect(desk.connection.isIdle)
        #expect(try await desk.ask("tools/list", Desk.modern(), id: "2").contains("The server is leaving."))
        #expect(!desk.frames.contains { $0.contains(#""id":1,"#) })
    }

    // MARK: - Errors

    @Test func whatFailsInsideIsReportedAndNotTold() async throws {
        var server = Sample.server()
        let reports = Mutex<[String]>([])
        server.report = { reference, error in reports.withLock { $0.append("\(reference) \(error)") } }
        let desk = Desk(server)
        let answer = try await desk.ask("tools/call", Desk.modern(#""name":"fail""#))
        #expect(answer.contains(#""isError":true"#) && !answer.contains("Secret"))
        let reference = try #require(answer.firstMatch(of: /reference (\w+)/)?.1)
        #expect(reports.withLock { $0 } == ["\(reference) Secret()"])
    }

    @Test func consentIsNotTakenWithoutHavingBeenAskedFor() async throws {
        let desk = Desk()
        let able = #"{"elicitation":{}}"#
        let yes = #""inputResponses":{"name":{"action":"accept","content":{}}}"#
        #expect(
            try await desk.ask("tools/call", Desk.modern(#""name":"ask",\#(yes)"#, able)).contains("input_required"))
        let asked = try await desk.ask("tools/call", Desk.modern(#""name":"ask""#, able))
        let state = try #require(asked.firstMatch(of: /"requestState":"(\w+)"/)?.1)
        let other = yes.replacing(#""name":{"#, with: #""other":{"#)
        #expect(
            try await desk.ask("tools/call", Desk.modern(#""name":"ask","requestState":"\#(state)",\#(other)"#, able))
                .contains("input_required"))
    }
}

@Suite struct ProgressReportTests {
    @Test func itIncreasesAndEnds() {
        let sent = Sent()
        let progress = ProgressReport(token: 0) { sent.append($0) }
        for value in [1, 1, 0, 2.5, .nan, .infinity, -1, 3] { progress.tell(value, 4, nil) }
        progress.end()
        progress.tell(5, 4, "m")
        #expect(
            sent.all.map(\.text) == [
                #"{"progressToken":0,"progress":1,"total":4}"#, #"{"progressToken":0,"progress":2.5,"total":4}"#,
                #"{"progressToken":0,"progress":3,"total":4}"#,
            ])
    }

    /// Five at once, then two a second.
    @Test func itIsNotTooFrequent() async throws {
        let sent = Sent()
        let progress = ProgressReport(token: "t") { sent.append($0) }
        let began = ContinuousClock.now
        for value in 0..<100 { progress.tell(Double(value), nil, nil) }
        #expect(sent.all.count >= 5)
        try await Task.sleep(for: .milliseconds(600))
        for value in 100..<200 { progress.tell(Double(value), nil, "m") }
        let most = 5 + Int((ContinuousClock.now - began) / .seconds(1) * 2)
        #expect((6...most).contains(sent.all.count))
    }

    private final class Sent: Sendable {
        private let kept = Mutex<[JSON]>([])
        func append(_ value: JSON) { kept.withLock { $0.append(value) } }
        var all: [JSON] { kept.withLock { $0 } }
    }
}
