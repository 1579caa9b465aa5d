import HTTPTypes
import HummingbirdCore
import MCP

/// Whom the endpoint lets in, judged by the head of a request alone, before anything of its body is looked at.
struct Gate: Sendable {
    let path: String
    /// Hosts by which a client may know us, in lower case and without a port.
    let hosts: Set<String>
    /// Origins of pages that may talk to us, besides those that we would have served ourselves.
    let origins: Set<String>
    /// Nil lets in whoever gets this far.
    let token: BearerToken?

    var principal: String { token?.principal ?? "http:anybody" }

    /// - Parameter port: where the request came in.
    /// - Returns: nil for whoever may come in.
    func refusal(of head: HTTPRequest, at port: Int?) -> Response? {
        // Against a foreign page whose name leads here (2026-07-28, "Streamable HTTP", Security).
        guard let authority = head.authority, hosts.contains(Self.host(of: authority)) else {
            return .refusal(.forbidden, "This server is not known by the host name of the request.")
        }
        for origin in head.headerFields[values: .origin] where !isAllowed(origin, port) {
            return .refusal(.forbidden, "Pages of the origin '\(origin.prefix(200))' may not use this server.")
        }
        guard head.path?.split(separator: "?", omittingEmptySubsequences: false).first.map(String.init) == path else {
            return .refusal(.notFound, "There is nothing here but \(path).")
        }
        guard let token else { return nil }
        let shown = head.headerFields[values: .authorization]
        guard !shown.isEmpty else {
            return .refusal(.unauthorized, "A bearer token is needed.", [.wwwAuthenticate: #"Bearer realm="mcp""#])
        }
        guard shown.count == 1, Self.isToken(shown[0], token) else {
            return .refusal(
                .unauthorized, "This is not the bearer token of this server.",
                [.wwwAuthenticate: #"Bearer realm="mcp", error="invalid_token""#])
        }
        return nil
    }

    private func isAllowed(_ origin: String, _ port: Int?) -> Bool {
        if origins.contains(origin) { return true }
        guard let port else { return false }
        return hosts.contains { origin == "http://\($0):\(port)" }
    }

    private static func isToken(_ credentials: String, _ token: BearerToken) -> Bool {
        let parts = credentials.split(separator: " ", maxSplits: 1)
        return parts.count == 2 && parts[0].lowercased() == "bearer" && token.isEqual(to: parts[1])
    }

    private static func host(of authority: String) -> String {
        let name = authority.lowercased()
        guard let colon = name.lastIndex(of: ":"), name[name.index(after: colon)...].allSatisfy(\.isNumber) else {
            return name
        }
        return String(name[..<colon])
    }
}
