import Gateway
import Testing

@Suite(.timeLimit(.minutes(1))) struct AllowListTests {
    @Test(arguments: [
        "/v1/messages", "/v1/messages?beta=true", "/v1/messages/count_tokens", "/v1/messages/count_tokens?a=b&c=%2e",
    ])
    func forwardsTheTwoPathsWithTheirQuery(target: String) async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port, base: "/base")
        let answer = try cage.call(messagesRequest(target: target))
        #expect(answer.status == 200)
        #expect(upstream.requests.map(\.startLine) == ["POST /base\(target) HTTP/1.1"])
        await cage.stop()
    }

    static let forbidden = [
        "GET /v1/messages", "PUT /v1/messages", "HEAD /v1/messages", "OPTIONS /v1/messages", "DELETE /v1/messages",
        "PATCH /v1/messages", "PROPFIND /v1/messages",
        "POST /", "POST /v1", "POST /v1/", "POST /v1/message", "POST /v1/messages/", "POST /v1/messages/batches",
        "POST /v1/Messages", "POST /V1/messages", "POST //v1/messages", "POST /v1//messages", "POST /v1/./messages",
        "POST /v1/../v1/messages", "POST /v1/messages/../messages", "POST /v1/messages/..", "POST /v1/%6dessages",
        "POST /v1%2fmessages", "POST /v1/messages%3fbeta=true", "POST /v1/messages%00",
        "POST /v1/messages/%2e%2e/files",
        "POST /v1/messages;x=1", "POST /v1/messages#x", "POST /v1/messages?a#x", "POST /v1/messages/count_tokens/x",
        "GET /v1/models", "POST /v1/files", "POST /api/event_logging/v2/batch", "POST /v1/complete",
        "POST http://localhost/v1/messages", "POST http://evil.test/v1/messages",
        "POST https://api.anthropic.com/v1/messages",
        "CONNECT api.anthropic.com:443", "OPTIONS *",
    ]

    @Test(arguments: forbidden)
    func refusesEverythingElse(request: String) async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        let answer = try cage.call("\(request) HTTP/1.1\r\nhost: localhost\r\n\r\n")
        #expect(answer.status == 403 || (answer.status == 400 && request.contains("#")), "\(answer.startLine)")
        if !request.hasPrefix("HEAD") {
            #expect(answer.text.hasPrefix(#"{"type":"error","error":{"type":""#))
            #expect(answer["content-type"] == "application/json")
        }
        #expect(upstream.connections == 0)
        #expect(try await cage.usage { $0.refused == 1 }.refused == 1)
        #expect(cage.gateway.usage.requests == 0)
        await cage.stop()
    }

    @Test func refusesAChangeOfProtocol() async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        let answer = try cage.call(
            messagesRequest(headers: ["connection: upgrade", "upgrade: websocket", "sec-websocket-key: x"]))
        #expect(answer.status == 403)
        #expect(upstream.connections == 0)
        await cage.stop()
    }

    @Test func connectionGoesOnAfterARefusal() async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        let reader = MessageReader(wire)
        for _ in 0..<3 {
            try wire.send("GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
            #expect(try reader.next()?.status == 403)
            try wire.send(messagesRequest())
            #expect(try reader.next()?.status == 200)
        }
        await cage.stop()
    }

    @Test func aRefusedBodyIsNotTakenForTheNextRequest() async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        let reader = MessageReader(wire)
        try wire.send(messagesRequest(messagesRequest(), target: "/v1/files"))
        let answer = try #require(try reader.next())
        #expect(answer.status == 403)
        #expect(answer["connection"] == "close")
        #expect(try reader.next() == nil)
        #expect(upstream.connections == 0)
        await cage.stop()
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        let upstream = ScriptedUpstream { connection in
            while let request = try connection.request() { try connection.answer("200 OK", [], request.text) }
        }
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        try wire.send((0..<10).map { messagesRequest("{\"n\":\($0)}") }.joined())
        let reader = MessageReader(wire)
        for n in 0..<10 { #expect(try reader.next()?.text == "{\"n\":\(n)}") }
        await cage.stop()
    }

    @Test func reportsRefusalsAsEvents() async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        _ = try cage.call("GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
        _ = try cage.call(messagesRequest())
        await cage.stop()
        var events: [GatewayEvent] = []
        for await event in cage.gateway.events { events.append(event) }
        guard case .refused(let refusal)? = events.first, case .answered(let answer)? = events.last else {
            return #expect(Bool(false), "\(events)")
        }
        #expect(refusal.code == "gateway.path")
        #expect(refusal.status == 403)
        #expect(refusal.request == "GET /v1/models")
        #expect(answer.status == 200)
        #expect(events.count == 2)
    }

    @Test(arguments: ["/v1/\u{9B}31m", "/\u{202E}", "/a?\u{E9}"])
    func whatIsReportedOfARequestIsSafeToPrint(target: String) async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        #expect((400...403).contains(try cage.call("GET \(target) HTTP/1.1\r\nhost: x\r\n\r\n").status))
        await cage.stop()
        for await event in cage.gateway.events {
            guard case .refused(let refusal) = event else { continue }
            #expect((refusal.request ?? "").utf8.allSatisfy { (0x20...0x7E).contains($0) })
        }
    }
}
