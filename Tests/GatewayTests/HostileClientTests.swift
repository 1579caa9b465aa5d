import Gateway
import Glibc
import Testing

@Suite(.timeLimit(.minutes(1))) struct HostileClientTests {
    static let unsound = [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        "content-length: 5, 5\r\n\r\nhello", "content-length: +5\r\n\r\nhello", "content-length: -5\r\n\r\nhello",
        "content-length: 0x5\r\n\r\nhello", "content-length: five\r\n\r\nhello", "content-length:\r\n\r\n",
        "content-length: 99999999999999999999999\r\n\r\nhello",
        "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding: identity\r\n\r\nhello", "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        "host : x\r\ncontent-length: 0\r\n\r\n", "x-a: b\u{0}c\r\ncontent-length: 0\r\n\r\n", " folded: x\r\n\r\n",
        "host: a\r\nhost: b\r\ncontent-length: 0\r\n\r\n",
    ]

    /// Nothing of it may be taken for a second request, on either side, and no such request may succeed.
    @Test(arguments: unsound)
    func requestsThatTwoReadersCouldReadDifferentlyAreRefused(rest: String) async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        try wire.send("POST /v1/messages HTTP/1.1\r\n\(rest)")
        let reader = MessageReader(wire)
        let answer = try #require(try reader.next())
        #expect((400...431).contains(answer.status), "\(answer.startLine)")
        #expect(answer.text.contains("\"type\":\"error\""))
        #expect(answer["connection"] == "close")
        #expect(try reader.next() == nil)
        #expect(upstream.requests.isEmpty)
        #expect(try await cage.usage { $0.refused == 1 }.refused == 1)
        await cage.stop()
    }

    @Test(arguments: [
        "GARBAGE\r\n\r\n", "POST /v1/messages HTTP/2.0\r\n\r\n", "POST /v1/messages HTTP/1.0\r\n\r\n",
        "POST /v1/messages\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ])
    func otherProtocolsAreRefused(bytes: String) async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        let wire = try cage.connect()
        try wire.send(bytes)
        let text = String(decoding: try wire.receiveToEnd(), as: UTF8.self)
        #expect(text.isEmpty || text.hasPrefix("HTTP/1.1 40") || text.hasPrefix("HTTP/1.1 50"), "\(text)")
        #expect(upstream.connections == 0)
        await cage.stop()
    }

    @Test(arguments: [1 << 20, (64 << 10) + 1])
    func largeHeadersAreRefused(size: Int) async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port)
        for header in [
            "x-big: " + String(repeating: "a", count: size),
            (0..<(size / 1000 + 1)).map { "x-\($0): " + String(repeating: "a", count: 1000) }.joined(separator: "\r\n"),
        ] {
            let wire = try cage.connect()
            // The gateway may hang up before all of it is sent.
            try? wire.send(messagesRequest(headers: [header]))
            #expect(try MessageReader(wire).next()?.status == 431)
        }
        #expect(upstream.connections == 0)
        await cage.stop()
    }

    @Test func largeBodiesAreRefused() async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port) { $0.bodyBytes = 100_000 }
        #expect(try cage.call(messagesRequest(String(repeating: "a", count: 100_000))).status == 200)

        let announced = try cage.connect()
        try announced.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 100001\r\n\r\n")
        #expect(try MessageReader(announced).next()?.status == 413)
        #expect(upstream.requests.count == 1)

        let streamed = try cage.connect()
        try streamed.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in 0..<10 { try streamed.send("3000\r\n" + String(repeating: "a", count: 0x3000) + "\r\n") }
        #expect(try MessageReader(streamed).next()?.status == 413)
        // The upstream saw a cut request, not a short one.
        #expect(upstream.requests.dropFirst().allSatisfy { !$0.isWhole })
        await cage.stop()
    }

    @Test func aRequestThatDripsIsEnded() async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port) {
            $0.headTimeout = .milliseconds(300)
            $0.bodyTimeout = .milliseconds(300)
        }
        let silent = try cage.connect()
        let head = try cage.connect()
        try head.send("POST /v1/messages HTTP/1.1\r\nx-a: ")
        let body = try cage.connect()
        try body.send("POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")
        #expect(try silent.receiveToEnd().isEmpty)
        #expect(try head.receiveToEnd().isEmpty)
        #expect(try MessageReader(body).next()?.status == 408)
        await cage.stop()
    }

    /// The clocks are for the cage's requests only: a model may think for as long as it likes.
    @Test func anAnswerMayTakeItsTime() async throws {
        let upstream = ScriptedUpstream { connection in
            _ = try connection.request()
            usleep(800_000)
            try connection.answer()
        }
        let cage = try await Cage(upstream: upstream.port) {
            $0.headTimeout = .milliseconds(200)
            $0.bodyTimeout = .milliseconds(200)
            $0.parkTimeout = .milliseconds(200)
        }
        #expect(try cage.call(messagesRequest()).status == 200)
        await cage.stop()
    }

    @Test func connectionsAreBounded() async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port) { $0.connections = 5 }
        var held = try (0..<5).map { _ in
            let wire = try cage.connect()
            try wire.send(messagesRequest())
            _ = try wire.receive(until: "{}")
            return wire
        }
        let sixth = try Wire.connect(port: cage.port)
        #expect(try sixth.receiveToEnd().isEmpty)
        #expect(try await cage.usage { $0.refused == 1 }.refused == 1)
        held.removeLast()
        // The place is free again as soon as the gateway has noticed.
        var status = 0
        for _ in 0..<100 where status != 200 {
            usleep(10_000)
            let wire = try cage.connect()
            try? wire.send(messagesRequest())
            status = (try? MessageReader(wire).next()?.status) ?? 0
        }
        #expect(status == 200)
        await cage.stop()
    }

    @Test(arguments: 0..<200)
    func randomBytesNeitherCrashNorPass(seed: Int) async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port, credential: .none)
        var random = SeededGenerator(state: UInt64(seed))
        var bytes = Array(messagesRequest("{\"n\":1}", headers: ["transfer-encoding: chunked"]).utf8)
        for _ in 0..<Int.random(in: 1...20, using: &random) {
            let index = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: index)
            default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
            }
        }
        let wire = try cage.connect()
        try wire.send(bytes)
        shutdown(wire.descriptor, Int32(SHUT_WR))
        let text = String(decoding: try wire.receiveToEnd(), as: UTF8.self)
        #expect(text.isEmpty || text.hasPrefix("HTTP/1.1 4"), "seed \(seed): \(text)")
        #expect(upstream.connections == 0)
        await cage.stop()
        upstream.close()
    }
}
