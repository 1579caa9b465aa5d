package import FoundationEssentials

/// Where the operator says the credential is: `auto`, `env:NAME` or `file:PATH`.
package enum CredentialSource: Sendable, Equatable {
    /// The places Claude Code itself looks in, in its order.
    case auto
    case environment(name: String)
    case file(path: String)

    /// The variables `auto` reads, in order.
    package static let variables = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"]

    package static func parse(_ text: String) throws(GatewayError) -> CredentialSource {
        if text == "auto" { return .auto }
        if text.hasPrefix("env:") {
            let name = String(text.dropFirst("env:".count))
            let isName = name.utf8.allSatisfy { byte in
                byte == UInt8(ascii: "_") || byte.isASCIILetter || byte.isASCIIDigit
            }
            guard let first = name.utf8.first, isName, !first.isASCIIDigit else {
                throw .credentialSource(text)
            }
            return .environment(name: name)
        }
        if text.hasPrefix("file:/") {
            return .file(path: String(text.dropFirst("file:".count)))
        }
        throw .credentialSource(text)
    }

    /// Looks the credential up.
    ///
    /// - Parameters:
    ///   - environment: The caller's environment, not the cage's.
    ///   - home: The caller's home directory; `auto` reads `.claude/.credentials.json` in it. `nil` skips that.
    ///   - now: Compared with the expiry of a token in that file.
    /// - Returns: The credential; `.none` when `auto` found nothing, which is a warning and not an error.
    /// - Throws: `GatewayError.credential` when a source that was named gives nothing usable.
    package func resolve(
        environment: [String: String], home: String?, now: Date = Date()
    ) throws(GatewayError) -> Credential {
        switch self {
        case .environment(let name):
            guard let value = environment[name], !value.isEmpty else {
                throw .credential(origin: name, problem: "it is not set", fix: "set \(name), or use another source")
            }
            return try Self.credential(value, origin: name)
        case .file(let path):
            return try Self.credential(SecretFile.read(path), origin: path)
        case .auto:
            for name in Self.variables {
                guard let value = environment[name], !value.isEmpty else { continue }
                return try Self.credential(value, origin: name)
            }
            guard let home else { return .none }
            return StoredLogin.accessToken(home: home, now: now) ?? .none
        }
    }

    /// The kind follows from the variable's name, else from the prefix that subscription tokens carry.
    private static func credential(_ text: String, origin: String) throws(GatewayError) -> Credential {
        let secret = text.trimmingASCIIWhitespace()
        guard !secret.isEmpty else {
            throw .credential(origin: origin, problem: "it is empty", fix: "put the key there, on one line")
        }
        // A line break or a control character would let a secret smuggle header lines into the request.
        guard secret.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .credential(
                origin: origin, problem: "it has characters that no key has",
                fix: "give the key alone, on one line, without quotes")
        }
        if origin == "CLAUDE_CODE_OAUTH_TOKEN" || secret.hasPrefix("sk-ant-oat") {
            return .oauth(secret, origin: origin)
        }
        return origin == "ANTHROPIC_AUTH_TOKEN" ? .bearer(secret, origin: origin) : .apiKey(secret, origin: origin)
    }
}

extension UInt8 {
    var isASCIIDigit: Bool { (0x30...0x39).contains(self) }
    var isASCIILetter: Bool { (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self) }
}

extension String {
    func trimmingASCIIWhitespace() -> String {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let start = utf8.drop(while: isBlank)
        let kept = start.reversed().drop(while: isBlank).reversed()
        return String(decoding: kept, as: UTF8.self)
    }
}
