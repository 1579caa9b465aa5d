import Foundation
import Gateway
import Glibc
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct StreamingTests {
    @Test func eventsPassBeforeTheAnswerEnds() async throws {
        let goOn = DispatchSemaphore(value: 0)
        let upstream = ScriptedUpstream { connection in
            _ = try connection.request()
            try connection.beginEvents()
            try connection.chunk(messageStart)
            goOn.wait()
            try connection.chunk(messageDelta)
            goOn.wait()
            try connection.chunk(messageStop)
            try connection.endChunks()
        }
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        try wire.send(messagesRequest())
        let first = try wire.receive(until: "message_start")
        #expect(!first.contains("message_delta"))
        #expect(
            cage.gateway.usage.tokens
                == TokenCounts(inputTokens: 1000, outputTokens: 1, cacheReadTokens: 3000, cacheWriteTokens: 200))
        goOn.signal()
        #expect(try !wire.receive(until: "message_delta").contains("message_stop"))
        goOn.signal()
        _ = try wire.receive(until: "0\r\n\r\n")
        let usage = try await cage.usage { $0.turns == 1 }
        #expect(usage.turns == 1)
        #expect(usage.tokens.outputTokens == 50)
        #expect(usage.models == ["claude-opus-5-5": usage.tokens])
        await cage.stop()
    }

    @Test func theRequestStreamsToo() async throws {
        let arrived = DispatchSemaphore(value: 0)
        let upstream = ScriptedUpstream { connection in
            var head = try #require(try connection.reader.head())
            #expect(head["transfer-encoding"] == "chunked")
            #expect(try connection.reader.chunk(&head) == Array("first".utf8))
            arrived.signal()
            #expect(try connection.reader.chunk(&head) == Array("second".utf8))
            #expect(try connection.reader.chunk(&head) == nil)
            try connection.answer()
        }
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        try wire.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        #expect(arrived.wait(timeout: .now() + 5) == .success)
        try wire.send("6\r\nsecond\r\n0\r\n\r\n")
        #expect(try MessageReader(wire).next()?.status == 200)
        await cage.stop()
    }

    /// A cage that does not read stops the upstream from sending, long before the whole answer has been taken in.
    @Test func aSlowReaderHoldsTheUpstreamBack() async throws {
        let total = 64 << 20
        let sent = Mutex(0)
        let upstream = ScriptedUpstream { connection in
            _ = try connection.request()
            try connection.send("HTTP/1.1 200 OK\r\ncontent-length: \(total)\r\n\r\n")
            let piece = [UInt8](repeating: 0x61, count: 1 << 20)
            for _ in 0..<(total >> 20) {
                try connection.wire.send(piece)
                sent.withLock { $0 += piece.count }
            }
        }
        // Too short to be looked for in the answer: the test is about speed.
        let cage = try await Cage(upstream: upstream.port, credential: .apiKey("short", origin: "test"))
        let wire = try cage.connect()
        try wire.send(messagesRequest())
        let held = try await settled { sent.withLock { $0 } }
        // What the kernel's socket buffers take on loopback is at most a few MiB a side.
        #expect(held > 0 && held < total / 3)
        let answer = try #require(try MessageReader(wire).next())
        #expect(answer.body.count == total)
        #expect(answer.isWhole)
        await cage.stop()
    }

    /// The same the other way round: an upstream that does not read stops the cage.
    @Test func aSlowUpstreamHoldsTheCageBack() async throws {
        let goOn = DispatchSemaphore(value: 0)
        let upstream = ScriptedUpstream { connection in
            var request = try #require(try connection.reader.head())
            goOn.wait()
            try connection.reader.readBody(&request)
            #expect(request.isWhole)
            try connection.answer()
        }
        let cage = try await Cage(upstream: upstream.port)
        let total = 30 << 20
        let wire = try cage.connect()
        let sent = Mutex(0)
        let writer = Thread {
            try? wire.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: \(total)\r\n\r\n")
            let piece = [UInt8](repeating: 0x20, count: 1 << 20)
            for _ in 0..<(total >> 20) {
                do { try wire.send(piece) } catch { return }
                sent.withLock { $0 += piece.count }
            }
        }
        writer.start()
        let held = try await settled { sent.withLock { $0 } }
        #expect(held > 0 && held < total / 2)
        goOn.signal()
        #expect(try MessageReader(wire).next()?.status == 200)
        #expect(sent.withLock { $0 } == total)
        await cage.stop()
    }

    @Test func sixtyFourStreamsAtOnce() async throws {
        let everyone = Mutex(0)
        let upstream = ScriptedUpstream { connection in
            while let request = try connection.request() {
                try connection.beginEvents()
                try connection.chunk(messageStart)
                everyone.withLock { $0 += 1 }
                // No stream ends before all have begun.
                while everyone.withLock({ $0 }) < 64 { usleep(2000) }
                for _ in 0..<20 { try connection.chunk(textDelta) }
                try connection.chunk("data: {\"echo\":\(request.text)}\n\n")
                try connection.chunk(messageDelta + messageStop)
                try connection.endChunks()
            }
        }
        let cage = try await Cage(upstream: upstream.port)
        let wires = try (0..<64).map { n in
            let wire = n.isMultiple(of: 2) ? try cage.connect() : try Wire.connect(port: cage.port)
            try wire.send(messagesRequest("{\"n\":\(n)}"))
            return wire
        }
        for (n, wire) in wires.enumerated() {
            let answer = try #require(try MessageReader(wire).next())
            #expect(answer.isWhole)
            #expect(answer.text.contains("data: {\"echo\":{\"n\":\(n)}}"))
        }
        let usage = try await cage.usage { $0.turns == 64 }
        #expect(usage.turns == 64)
        #expect(usage.requests == 64)
        #expect(usage.tokens.inputTokens == 64_000)
        #expect(usage.tokens.outputTokens == 64 * 50)
        await cage.stop()
    }

    @Test func theUpstreamsConnectionIsUsedAgain() async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        let reader = MessageReader(wire)
        for _ in 0..<5 {
            try wire.send(messagesRequest())
            #expect(try reader.next()?.status == 200)
        }
        #expect(upstream.connections == 1)
        #expect(upstream.requests.count == 5)
        await cage.stop()
    }

    @Test func aKeptConnectionThatTheUpstreamClosedIsReplaced() async throws {
        let upstream = ScriptedUpstream { connection in
            _ = try connection.request()
            try connection.answer()
        }
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        let reader = MessageReader(wire)
        for _ in 0..<3 {
            try wire.send(messagesRequest())
            #expect(try reader.next()?.status == 200)
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(upstream.connections == 3)
        await cage.stop()
    }

    /// The value once it has not changed for half a second.
    private func settled(_ value: () -> Int) async throws -> Int {
        var (last, unchanged) = (value(), 0)
        while unchanged < 10 {
            try await Task.sleep(for: .milliseconds(50))
            unchanged = value() == last ? unchanged + 1 : 0
            last = value()
        }
        return last
    }
}
