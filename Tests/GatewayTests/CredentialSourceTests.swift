import Foundation
import Gateway
import Glibc
import Testing

@Suite struct CredentialSourceTests {
    let home = FileManager.default.temporaryDirectory.path + "/gw-home-\(UUID().uuidString)"

    private func write(_ text: String, to name: String, mode: mode_t = 0o600) throws -> String {
        let path = home + "/" + name
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        chmod(path, mode)
        return path
    }

    private func resolve(_ text: String, _ environment: [String: String] = [:]) throws -> Credential {
        try CredentialSource.parse(text).resolve(environment: environment, home: home)
    }

    @Test(arguments: [
        "", "AUTO", " auto", "env", "env:", "env:1A", "env:A-B", "env:A B", "env:A=B", "file:", "file:relative",
        "key:x", "sk-ant-1",
    ])
    func refusesOtherSources(text: String) {
        #expect(throws: GatewayError.credentialSource(text)) { try CredentialSource.parse(text) }
    }

    @Test func autoLooksInTheDocumentedOrder() throws {
        var environment = [
            "ANTHROPIC_API_KEY": "key-1", "ANTHROPIC_AUTH_TOKEN": "token-2", "CLAUDE_CODE_OAUTH_TOKEN": "oauth-3",
            "OTHER": "x",
        ]
        #expect(try resolve("auto", environment) == .apiKey("key-1", origin: "ANTHROPIC_API_KEY"))
        environment["ANTHROPIC_API_KEY"] = ""
        #expect(try resolve("auto", environment) == .bearer("token-2", origin: "ANTHROPIC_AUTH_TOKEN"))
        environment["ANTHROPIC_AUTH_TOKEN"] = nil
        #expect(try resolve("auto", environment) == .oauth("oauth-3", origin: "CLAUDE_CODE_OAUTH_TOKEN"))
        environment["CLAUDE_CODE_OAUTH_TOKEN"] = nil
        #expect(try resolve("auto", environment).kind == .none)
        let path = try write(
            #"{"claudeAiOauth":{"accessToken":"stored-4","refreshToken":"r","expiresAt":\#(Int(Date().timeIntervalSince1970 + 3600) * 1000),"scopes":["a"]}}"#,
            to: ".claude/.credentials.json")
        #expect(try resolve("auto", environment) == .oauth("stored-4", origin: path))
    }

    @Test(arguments: [
        #"{"claudeAiOauth":{"accessToken":"old","expiresAt":1000}}"#, #"{"claudeAiOauth":{"accessToken":""}}"#,
        #"{"claudeAiOauth":{"accessToken":"a\nb"}}"#, "{}", "", "[]", "not json", #"{"claudeAiOauth":null}"#,
    ])
    func aLoginThatIsNotUsableIsNone(text: String) throws {
        _ = try write(text, to: ".claude/.credentials.json")
        #expect(try resolve("auto").kind == .none)
    }

    @Test func aSubscriptionTokenIsKnownByItsPrefix() throws {
        #expect(
            try resolve("env:MY_KEY", ["MY_KEY": " sk-ant-oat01-x\n"]) == .oauth("sk-ant-oat01-x", origin: "MY_KEY"))
        #expect(try resolve("env:MY_KEY", ["MY_KEY": "sk-ant-api03-x"]) == .apiKey("sk-ant-api03-x", origin: "MY_KEY"))
        #expect(try resolve("env:ANTHROPIC_AUTH_TOKEN", ["ANTHROPIC_AUTH_TOKEN": "t"]).kind == .bearer)
    }

    @Test(arguments: [nil, "", "  ", "a b", "a\r\nx-evil: 1", "a\nb", "ключ", "a\u{7F}"])
    func aNamedVariableMustHoldAKey(value: String?) throws {
        #expect(throws: GatewayError.self) { try resolve("env:K", value.map { ["K": $0] } ?? [:]) }
    }

    @Test func aFileMustBeTheUsersAloneAndRegular() throws {
        let good = try write("sk-ant-file-key\n", to: "key")
        #expect(try resolve("file:\(good)") == .apiKey("sk-ant-file-key", origin: good))
        for mode: mode_t in [0o640, 0o604, 0o620, 0o602, 0o644] {
            let path = try write("k", to: "key-\(mode)", mode: mode)
            #expect(throws: GatewayError.self) { try resolve("file:\(path)") }
        }
        symlink(good, home + "/link")
        mkfifo(home + "/fifo", 0o600)
        for name in ["link", "fifo", "missing", "."] {
            #expect(throws: GatewayError.self) { try resolve("file:\(home)/\(name)") }
        }
        let big = try write(String(repeating: "a", count: 20_000), to: "big")
        #expect(throws: GatewayError.self) { try resolve("file:\(big)") }
        let empty = try write("\n", to: "empty")
        #expect(throws: GatewayError.self) { try resolve("file:\(empty)") }
    }

    @Test func aCredentialDoesNotShowItsSecret() throws {
        for credential in [
            Credential.apiKey(secretKey, origin: "o"), .bearer(secretKey, origin: "o"), .oauth(secretKey, origin: "o"),
        ] {
            var dumped = ""
            dump(credential, to: &dumped)
            dump(GatewayConfiguration(credential: credential), to: &dumped)
            for text in [
                "\(credential)", String(reflecting: credential), "\([credential])", "\(Optional(credential) as Any)",
                "\(GatewayConfiguration(credential: credential))", dumped,
            ] {
                #expect(!text.contains(secretKey) && !text.contains("REAL"))
            }
        }
    }
}
