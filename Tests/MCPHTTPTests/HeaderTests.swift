import HTTPTypes
import MCP
import Testing

@testable import MCPHTTP

struct HeaderTests {
    @Test(arguments: [
        ("8080", "127.0.0.1:8080"), ("localhost:0", "localhost:0"), ("[::1]:80", "[::1]:80"),
        ("127.9.8.7:65535", "127.9.8.7:65535"),
    ])
    func anAddressIsRead(text: String, meaning: String) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.description == meaning && address.isLoopback)
    }

    @Test(arguments: ["", ":", "80:", ":80", "-1", "65536", "::1:80", "::1", "[::1]", "[::1:80", "[a]:80", "a:b", "٣"])
    func whatIsNoAddressIsNone(text: String) { #expect(ListenAddress(text) == nil) }

    @Test(arguments: [
        "0.0.0.0:80", "[::]:80", "127.0.0.1.evil.test:80", "127.1:80", "192.168.0.1:80", "127.0.0.256:80",
    ])
    func othersThanLoopbackAreTold(text: String) throws {
        let address = try #require(ListenAddress(text))
        #expect(!address.isLoopback)
        let token = try #require(BearerToken("0123456789abcdef"))
        let server = Server(info: Implementation(name: "test", version: "1"), tools: { [] })
        #expect(throws: HTTPTransport.Unavailable.self) {
            try HTTPTransport(server: server, address: address, token: token)
        }
    }

    @Test(arguments: [
        ("us-west1", "us-west1"), ("=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"),
        ("=?base64?IHBhZGRlZCA=?=", " padded "), ("=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"),
        ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="),
        ("=?BASE64?IHBhZGRlZCA=?=", "=?BASE64?IHBhZGRlZCA=?="),
        ("=?base64?=", "=?base64?="), ("=?base64??=", ""),
    ])
    func aValueIsDecoded(value: String, text: String) { #expect(RoutingHeaders.decoded(value) == text) }

    @Test(arguments: ["=?base64?IHBhZGRlZCA?=", "=?base64?%%%%?=", "=?base64?/w==?=", "=?base64?IHBh ZGRlZCA=?="])
    func whatIsNoBase64IsNothing(value: String) { #expect(RoutingHeaders.decoded(value) == nil) }

    private func refusal(_ method: String, _ params: JSON, _ fields: HTTPFields) -> ResponseError.Code? {
        do { try RoutingHeaders(fields: fields).check(method, params) } catch { return error.code }
        return nil
    }

    @Test func headersSayWhatTheBodySays() {
        let params: JSON = ["name": "a", "_meta": .members([MetaKey.version: "2026-07-28"])]
        let right: HTTPFields = [.mcpVersion: "2026-07-28", .mcpMethod: "tools/call", .mcpName: "a"]
        #expect(refusal("tools/call", params, right) == nil)
        for (name, value) in [
            (.mcpVersion, "2025-11-25"), (.mcpMethod, "tools/list"), (.mcpMethod, "TOOLS/CALL"), (.mcpName, "b"),
            (.mcpName, "=?base64?Yg==?="), (.mcpVersion, nil), (.mcpMethod, nil), (.mcpName, nil),
        ] as [(HTTPField.Name, String?)] {
            var wrong = right
            wrong[name] = value
            #expect(refusal("tools/call", params, wrong) == .headerMismatch)
        }
        var twice = right
        twice.append(HTTPField(name: .mcpName, value: "a"))
        #expect(refusal("tools/call", params, twice) == .headerMismatch)
        var encoded = right
        encoded[.mcpName] = "=?base64?YQ==?="
        #expect(refusal("tools/call", params, encoded) == nil)
    }

    @Test func aVersionThatIsNotSpokenIsToldByTheServer() {
        let params: JSON = ["_meta": .members([MetaKey.version: "2099-01-01"])]
        #expect(refusal("tools/list", params, [.mcpVersion: "2099-01-01"]) == nil)
        #expect(refusal("tools/list", params, [.mcpVersion: "2026-07-28"]) == .headerMismatch)
    }

    @Test(arguments: ["application/json, text/event-stream", "*/*", "text/*;q=0.5 , APPLICATION/JSON"])
    func bothTypesAreAccepted(accept: String) {
        #expect(MediaType.isAccepted(MediaType.json, by: [.accept: accept]))
        #expect(MediaType.isAccepted(MediaType.events, by: [.accept: accept]))
        #expect(!MediaType.isAccepted(MediaType.events, by: [.accept: "application/json"]))
        #expect(!MediaType.isAccepted(MediaType.json, by: [:]))
    }
}
