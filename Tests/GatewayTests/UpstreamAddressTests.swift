import Gateway
import Testing

@Suite struct UpstreamAddressTests {
    @Test(arguments: [
        ("https://api.anthropic.com", "https://api.anthropic.com", 443), ("http://localhost", "http://localhost", 80),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080", 8080), ("https://h:443/a/b//", "https://h/a/b", 443),
        ("http://[::1]:81/x", "http://[::1]:81/x", 81), ("https://[::1]", "https://[::1]", 443),
    ])
    func reads(text: String, shown: String, port: Int) throws {
        let address = try UpstreamAddress.parse(text)
        #expect(address.description == shown)
        #expect(address.port == port)
    }

    @Test(arguments: [
        "", "api.anthropic.com", "ftp://x", "HTTP://x", "unix:/x", "http://", "http:///x", "http://:80", "http://a:0",
        "http://a:65536", "http://a:+80", "http://a:", "http://a:b", "http://a:1:2", "http://::1", "http://[::1",
        "http://[zz]", "http://[127.0.0.1]", "http://[::1]x", "http://u:p@h", "http://h?x", "http://h#x",
        "http://h/a?b",
        "http://h/../x", "http://h/a//b", "http://h/.", "http://h x", "http://h\r\nx", "http://ключ", "http://a\\b",
    ])
    func refuses(text: String) {
        #expect(throws: GatewayError.self) { try UpstreamAddress.parse(text) }
    }

    @Test func theDefaultIsThePublicAPI() throws {
        #expect(try UpstreamAddress.parse("https://api.anthropic.com") == .publicAPI)
        #expect(GatewayConfiguration(credential: .none).upstream == .publicAPI)
    }
}
