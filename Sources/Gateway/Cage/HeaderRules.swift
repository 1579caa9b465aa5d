import NIOHTTP1

/// Which headers cross the wall, in both directions.
struct HeaderRules {
    /// Meant for the next hop only (RFC 9110, 7.6.1), or rewritten by the gateway.
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "http2-settings",
    ]
    /// What the cage says about who it is, and what would change the form of the answer.
    private static let requestOnly: Set<String> = [
        "host", "expect", "accept-encoding", "x-api-key", "authorization", "cookie", "cookie2", "forwarded", "via",
    ]
    private static let requestPrefixes = ["proxy-", "x-forwarded-"]
    private static let answerOnly: Set<String> = ["set-cookie", "set-cookie2", "alt-svc", "strict-transport-security"]

    private static let oauthBeta = "oauth-2025-04-20"

    let upstream: UpstreamAddress
    let credential: Credential

    /// The request as the upstream gets it.
    func request(_ head: HTTPRequestHead) -> HTTPRequestHead {
        var headers = HTTPHeaders([("host", upstream.hostHeader)])
        let named = named(inConnection: head.headers)
        for (name, value) in head.headers {
            let lowered = name.lowercased()
            if Self.hopByHop.contains(lowered) || Self.requestOnly.contains(lowered) || named.contains(lowered) {
                continue
            }
            if Self.requestPrefixes.contains(where: lowered.hasPrefix) { continue }
            headers.add(name: name, value: value)
        }
        if head.headers.contains(name: "transfer-encoding") {
            headers.add(name: "transfer-encoding", value: "chunked")
        } else if !head.headers.contains(name: "content-length") {
            headers.add(name: "content-length", value: "0")
        }
        // Answers are metered as they pass, so they have to come as they are.
        headers.add(name: "accept-encoding", value: "identity")
        authorize(&headers)
        return HTTPRequestHead(
            version: .http1_1, method: head.method, uri: upstream.basePath + head.uri, headers: headers)
    }

    private func authorize(_ headers: inout HTTPHeaders) {
        switch credential.kind {
        case .apiKey: headers.add(name: "x-api-key", value: credential.secret)
        case .bearer: headers.add(name: "authorization", value: "Bearer \(credential.secret)")
        case .oauth:
            headers.add(name: "authorization", value: "Bearer \(credential.secret)")
            let betas = headers[canonicalForm: "anthropic-beta"]
            guard !betas.contains(where: { $0 == Self.oauthBeta }) else { break }
            headers.replaceOrAdd(
                name: "anthropic-beta", value: (betas.map(String.init) + [Self.oauthBeta]).joined(separator: ","))
        case .none: break
        }
    }

    /// The answer's headers as the cage gets them.
    func answer(_ head: HTTPResponseHead) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        let named = named(inConnection: head.headers)
        for (name, value) in head.headers {
            let lowered = name.lowercased()
            if Self.hopByHop.contains(lowered) || Self.answerOnly.contains(lowered) || named.contains(lowered) {
                continue
            }
            if credential.kind != .none, SecretFilter.occurs(credential.secret, in: value) { continue }
            headers.add(name: name, value: value)
        }
        return HTTPResponseHead(version: .http1_1, status: head.status, headers: headers)
    }

    private func named(inConnection headers: HTTPHeaders) -> Set<String> {
        // Framing is never the sender's to drop, whatever it calls hop-by-hop.
        Set(headers[canonicalForm: "connection"].map { $0.lowercased() }).subtracting(["content-length"])
    }
}
