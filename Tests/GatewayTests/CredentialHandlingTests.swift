import Gateway
import Testing

@Suite(.timeLimit(.minutes(1))) struct CredentialHandlingTests {
    static let smuggled = [
        "x-api-key: from-the-cage", "X-Api-Key: from-the-cage", "authorization: Bearer from-the-cage",
        "Cookie: from-the-cage", "proxy-authorization: Basic from-the-cage", "x-forwarded-for: from-the-cage",
        "te: from-the-cage", "keep-alive: from-the-cage", "connection: keep-alive, x-private",
        "x-private: from-the-cage",
        "forwarded: from-the-cage", "expect: from-the-cage",
    ]

    static let credentials: [(Credential, name: String, value: String)] = [
        (.apiKey(secretKey, origin: "t"), "x-api-key", secretKey),
        (.bearer(secretKey, origin: "t"), "authorization", "Bearer \(secretKey)"),
        (.oauth(secretKey, origin: "t"), "authorization", "Bearer \(secretKey)"),
    ]

    @Test(arguments: 0..<3)
    func replacesWhatTheCageSaysItIs(index: Int) async throws {
        let (credential, name, value) = Self.credentials[index]
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port, credential: credential)
        let answer = try cage.call(
            messagesRequest(
                headers: Self.smuggled + ["accept-encoding: gzip, br", "x-app: cli", "anthropic-version: 2023-06-01"]))
        #expect(answer.status == 200)
        let request = try #require(upstream.requests.first)
        #expect(request.all(name) == [value])
        #expect(!request.headers.contains { $0.value.contains("from-the-cage") })
        #expect(["x-api-key", "authorization"].flatMap(request.all) == [value])
        #expect(request.all("host") == ["127.0.0.1:\(upstream.port)"])
        #expect(request.all("accept-encoding") == ["identity"])
        #expect(request["x-app"] == "cli")
        #expect(request["anthropic-version"] == "2023-06-01")
        #expect(request.text == #"{"model":"m"}"#)
        await cage.stop()
    }

    @Test(arguments: [
        ([], "oauth-2025-04-20"),
        (["anthropic-beta: a-1,b-2"], "a-1,b-2,oauth-2025-04-20"),
        (["anthropic-beta: a-1", "Anthropic-Beta: b-2"], "a-1,b-2,oauth-2025-04-20"),
        (["anthropic-beta: oauth-2025-04-20,a-1"], "oauth-2025-04-20,a-1"),
    ])
    func keepsTheAgentsBetasForAnOAuthToken(headers: [String], expected: String) async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port, credential: .oauth(secretKey, origin: "t"))
        _ = try cage.call(messagesRequest(headers: headers))
        #expect(upstream.requests.first?.all("anthropic-beta") == [expected])
        await cage.stop()
    }

    @Test func withoutACredentialNothingLeaves() async throws {
        let upstream = ScriptedUpstream.answering()
        let cage = try await Cage(upstream: upstream.port, credential: .none)
        let answer = try cage.call(messagesRequest())
        #expect(answer.status == 401)
        #expect(answer.text.contains("authentication_error"))
        #expect(answer.text.contains("ANTHROPIC_API_KEY"))
        #expect(upstream.connections == 0)
        await cage.stop()
    }

    @Test func aKeyThatTheUpstreamEchoesIsBlottedOut() async throws {
        let upstream = ScriptedUpstream { connection in
            _ = try connection.request()
            try connection.send(
                "HTTP/1.1 200 OK\r\nx-echo: \(secretKey)\r\nx-fine: yes\r\ntransfer-encoding: chunked\r\n"
                    + "content-type: application/json\r\nset-cookie: a=b\r\n\r\n")
            for piece in [
                "{\"key\":\"\(secretKey)\",\"half\":\"\(secretKey.prefix(20))", "\(secretKey.dropFirst(20))", "\"}",
            ] {
                try connection.chunk(piece)
            }
            try connection.endChunks()
        }
        let cage = try await Cage(upstream: upstream.port)
        let answer = try cage.call(messagesRequest())
        let blot = "[redacted]" + String(repeating: "*", count: secretKey.count - 10)
        #expect(answer.text == "{\"key\":\"\(blot)\",\"half\":\"\(blot)\"}")
        #expect(answer["x-echo"] == nil)
        #expect(answer["set-cookie"] == nil)
        #expect(answer["x-fine"] == "yes")
        await cage.stop()
    }
}
