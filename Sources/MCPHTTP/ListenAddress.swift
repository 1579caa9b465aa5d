/// Where a server listens: a numeric address or `localhost`, and a port.
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    /// Without brackets.
    public let host: String
    /// 0 for any that is free.
    public let port: Int

    /// - Parameter text: `PORT`, `HOST:PORT` or `[IPv6]:PORT`; without a host it is 127.0.0.1. Nil for anything else.
    public init?(_ text: String) {
        let colon = text.lastIndex(of: ":")
        let digits = colon.map { text[text.index(after: $0)...] } ?? text[...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = Int(digits), port <= 65535
        else { return nil }
        var host = colon.map { text[..<$0] } ?? "127.0.0.1"
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.host = String(host)
        self.port = port
    }

    /// Whether nobody from outside this machine can reach it.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    public var description: String { "\(authority):\(port)" }

    /// The host as a URL has it (RFC 3986, 3.2.2).
    var authority: String { host.contains(":") ? "[\(host)]" : host }
}
