import NIOCore

/// The service that requests are forwarded to.
package struct UpstreamAddress: Sendable, Equatable, CustomStringConvertible {
    package enum Scheme: String, Sendable {
        case http
        case https

        var defaultPort: Int { self == .http ? 80 : 443 }
    }

    package let scheme: Scheme
    /// A name or an address, without the brackets of an IPv6 address.
    package let host: String
    package let port: Int
    /// "" or "/…" without a slash at the end; put in front of every path.
    package let basePath: String

    /// The public API.
    package static let publicAPI = UpstreamAddress(scheme: .https, host: "api.anthropic.com", port: 443, basePath: "")

    private init(scheme: Scheme, host: String, port: Int, basePath: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.basePath = basePath
    }

    /// Reads `http(s)://HOST[:PORT][/PATH]`; user names, queries and fragments are refused.
    package static func parse(_ text: String) throws(GatewayError) -> UpstreamAddress {
        func refusal(_ problem: String) -> GatewayError { .upstream(text, problem: problem) }
        let scheme: Scheme
        let rest: Substring
        if text.hasPrefix("https://") {
            (scheme, rest) = (.https, text.dropFirst("https://".count))
        } else if text.hasPrefix("http://") {
            (scheme, rest) = (.http, text.dropFirst("http://".count))
        } else {
            throw refusal("it begins neither with http:// nor with https://")
        }
        guard rest.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw refusal("it has characters that an address cannot have")
        }
        guard !rest.contains(where: { "@?#\\\"<>".contains($0) }) else {
            throw refusal("a user name, a query or a fragment is not allowed")
        }
        let authority = rest.prefix { $0 != "/" }
        var path = rest.dropFirst(authority.count)
        while path.hasSuffix("/") { path = path.dropLast() }
        guard
            !path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().contains(where: {
                $0.isEmpty || $0 == "." || $0 == ".."
            })
        else { throw refusal("its path has an empty or a dotted part") }

        let (host, portText) = try split(authority, refusal)
        var port = scheme.defaultPort
        if let portText {
            guard let number = Int(portText), (1...65535).contains(number), portText.utf8.allSatisfy(\.isASCIIDigit)
            else { throw refusal("the port is not a number from 1 to 65535") }
            port = number
        }
        return UpstreamAddress(scheme: scheme, host: host, port: port, basePath: String(path))
    }

    private static func split(
        _ authority: Substring, _ refusal: (String) -> GatewayError
    ) throws(GatewayError) -> (host: String, port: Substring?) {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw refusal("a \"]\" is missing") }
            let host = authority[authority.index(after: authority.startIndex)..<end]
            let after = authority[authority.index(after: end)...]
            guard let address = try? SocketAddress(ipAddress: String(host), port: 0), address.protocol == .inet6,
                after.isEmpty || after.hasPrefix(":")
            else { throw refusal("what is in brackets is not an IPv6 address") }
            return (String(host), after.isEmpty ? nil : after.dropFirst())
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        let allowed: (UInt8) -> Bool = {
            $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
                || $0 == UInt8(ascii: "_")
        }
        guard (1...2).contains(parts.count), !parts[0].isEmpty, parts[0].utf8.count <= 253,
            parts[0].utf8.allSatisfy(allowed)
        else { throw refusal("the host is missing or is not a host name") }
        return (String(parts[0]), parts.count == 2 ? parts[1] : nil)
    }

    /// The value of the `host` header.
    var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == scheme.defaultPort ? name : "\(name):\(port)"
    }

    package var description: String { "\(scheme.rawValue)://\(hostHeader)\(basePath)" }
}
