import Foundation
import Gateway
import Glibc
import Testing

@Suite(.timeLimit(.minutes(1))) struct FailureTests {
    @Test(arguments: [
        "400 Bad Request", "401 Unauthorized", "403 Forbidden", "404 Not Found", "413 Payload Too Large",
        "429 Too Many Requests", "500 Internal Server Error", "529 Overloaded", "204 No Content",
        "307 Temporary Redirect",
    ])
    func theUpstreamsAnswerIsPassedOnAsItIs(status: String) async throws {
        let body = status.hasPrefix("204") ? "" : #"{"type":"error","error":{"type":"x","message":"ünïcödé"}}"#
        let upstream = ScriptedUpstream { connection in
            _ = try connection.request()
            let length = status.hasPrefix("204") ? "" : "content-length: \(body.utf8.count)\r\n"
            try connection.send(
                "HTTP/1.1 \(status)\r\n\(length)retry-after: 7\r\nrequest-id: req_1\r\nlocation: /x\r\n\r\n\(body)")
        }
        let cage = try await Cage(upstream: upstream.port)
        let answer = try cage.call(messagesRequest())
        #expect(answer.status == Int(status.prefix(3)))
        #expect(answer.text == body)
        #expect(answer["retry-after"] == "7")
        #expect(answer["request-id"] == "req_1")
        let usage = try await cage.usage { $0.requests == 1 }
        #expect(usage.turns == 0)
        #expect(usage.refused == 0)
        await cage.stop()
    }

    @Test func aCutAnswerIsCutForTheCage() async throws {
        for framing in ["transfer-encoding: chunked", "content-length: 100000"] {
            let chunked = framing.hasPrefix("transfer")
            let upstream = ScriptedUpstream { connection in
                _ = try connection.request()
                try connection.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\(framing)\r\n\r\n")
                if chunked { try connection.chunk(messageStart) } else { try connection.send(messageStart) }
                usleep(50_000)
            }
            let cage = try await Cage(upstream: upstream.port)
            let answer = try cage.call(messagesRequest())
            #expect(answer.status == 200)
            #expect(answer.text == messageStart)
            #expect(!answer.isWhole)
            let usage = try await cage.usage { $0.failed == 1 }
            #expect(usage.failed == 1)
            #expect(usage.turns == 0)
            #expect(usage.tokens.inputTokens == 1000)
            await cage.stop()
        }
    }

    /// Where only the connection's end delimits a body, a reset must not look like that end.
    @Test func aResetIsNotTheEndOfAnAnswer() async throws {
        let passed = DispatchSemaphore(value: 0)
        let upstream = ScriptedUpstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + messageStart)
            passed.wait()
            var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
            setsockopt(
                connection.wire.descriptor, SOL_SOCKET, SO_LINGER, &linger,
                socklen_t(MemoryLayout.size(ofValue: linger)))
        }
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        try wire.send(messagesRequest())
        _ = try wire.receive(until: "message_start")
        passed.signal()
        let rest = String(decoding: try wire.receiveToEnd(), as: UTF8.self)
        #expect(!rest.contains("0\r\n\r\n"), "\(rest)")
        #expect(try await cage.usage { $0.failed == 1 }.failed == 1)
        await cage.stop()
    }

    @Test func anUpstreamThatHangsUpWithoutAnAnswerIs502() async throws {
        let upstream = ScriptedUpstream { connection in _ = try connection.request() }
        let cage = try await Cage(upstream: upstream.port)
        let answer = try cage.call(messagesRequest())
        #expect(answer.status == 502)
        #expect(answer.text.contains("gave no answer"))
        await cage.stop()
    }

    @Test(arguments: [
        "HTTP/9.9 200 OK\r\n\r\n", "nonsense\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ])
    func anUpstreamThatSpeaksNoHTTPIs502(answer: String) async throws {
        let upstream = ScriptedUpstream { connection in
            _ = try connection.request()
            try connection.send(answer)
            _ = try connection.wire.receiveToEnd()
        }
        let cage = try await Cage(upstream: upstream.port)
        #expect(try cage.call(messagesRequest()).status == 502)
        await cage.stop()
    }

    @Test func anUnreachableUpstreamIs502WithASentence() async throws {
        let (descriptor, port) = boundSocket()
        defer { close(descriptor) }
        let cage = try await Cage(upstream: port)
        let answer = try cage.call(messagesRequest())
        #expect(answer.status == 502)
        #expect(answer.text.contains("http://127.0.0.1:\(port) cannot be reached: Connection refused"))
        #expect(try await cage.usage { $0.failed == 1 }.failed == 1)
        await cage.stop()
    }

    @Test func anUnknownHostIs502WithASentence() async throws {
        let cage = try await Cage(upstream: "http://no-such-host.invalid")
        let answer = try cage.call(messagesRequest())
        #expect(answer.status == 502)
        #expect(answer.text.contains("the name no-such-host.invalid cannot be resolved"))
        await cage.stop()
    }

    @Test func anEncodedAnswerIsRefusedBecauseItCannotBeMetered() async throws {
        let upstream = ScriptedUpstream.answering(
            "200 OK", ["content-encoding: gzip", "content-type: application/json"], "zzz")
        let cage = try await Cage(upstream: upstream.port)
        let answer = try cage.call(messagesRequest())
        #expect(answer.status == 502)
        #expect(answer.text.contains("encoding gzip"))
        await cage.stop()
    }

    @Test func anEncodedRequestIsPassedOnAsItIs() async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        let body: [UInt8] = [0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0xFF, 0x03, 0x80]
        let wire = try cage.connect()
        try wire.send(
            "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: \(body.count)\r\n\r\n")
        try wire.send(body)
        #expect(try MessageReader(wire).next()?.status == 200)
        #expect(upstream.requests.first?.body == body)
        #expect(upstream.requests.first?["content-encoding"] == "gzip")
        await cage.stop()
    }

    /// A client that leaves must not go on spending.
    @Test(arguments: ["before the answer", "during the answer"])
    func aClientThatLeavesCancelsTheUpstream(moment: String) async throws {
        let begun = DispatchSemaphore(value: 0)
        let ended = DispatchSemaphore(value: 0)
        let upstream = ScriptedUpstream { connection in
            _ = try connection.request()
            if moment == "during the answer" {
                try connection.beginEvents()
                try connection.chunk(messageStart)
            }
            begun.signal()
            if try connection.wire.receiveToEnd().isEmpty { ended.signal() }
        }
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        try wire.send(messagesRequest())
        #expect(begun.wait(timeout: .now() + 5) == .success)
        wire.hangUp()
        #expect(ended.wait(timeout: .now() + 5) == .success)
        #expect(try await cage.usage { $0.failed == 1 }.failed == 1)
        await cage.stop()
    }

    @Test func anEarlyAnswerReachesTheCage() async throws {
        let upstream = ScriptedUpstream { connection in
            _ = try connection.reader.head()
            try connection.answer("413 Payload Too Large", ["connection: close"], "{}")
        }
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        try wire.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{")
        let answer = try #require(try MessageReader(wire).next())
        #expect(answer.status == 413)
        #expect(answer["connection"] == "close")
        await cage.stop()
    }

    @Test func stopCutsEverythingAtOnce() async throws {
        let ended = DispatchSemaphore(value: 0)
        let upstream = ScriptedUpstream { connection in
            _ = try connection.request()
            try connection.beginEvents()
            try connection.chunk(messageStart)
            if try connection.wire.receiveToEnd().isEmpty { ended.signal() }
        }
        let cage = try await Cage(upstream: upstream.port)
        let idle = try cage.connect()
        let wire = try cage.connect()
        try wire.send(messagesRequest())
        _ = try wire.receive(until: "message_start")
        await cage.stop()
        #expect(try wire.receiveToEnd().isEmpty)
        #expect(try idle.receiveToEnd().isEmpty)
        #expect(ended.wait(timeout: .now() + 5) == .success)
        #expect(throws: WireError.self) { try Wire.connect(port: cage.port) }
        #expect(cage.gateway.usage.tokens.inputTokens == 1000)
        await cage.stop()
    }

    @Test func onlyListeningSocketsAreTaken() async throws {
        let plain = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let good = listeningSocket()
        await #expect(throws: GatewayError.listener(descriptor: plain, problem: "it does not listen")) {
            try await Gateway.start(
                listeners: [good.descriptor, plain], configuration: GatewayConfiguration(credential: .none))
        }
        // Both were closed all the same.
        #expect(throws: WireError.self) { try Wire.connect(port: good.port) }
    }
}
