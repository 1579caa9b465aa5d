import NIOHTTP1

/// What may leave the cage: two methods on two paths, byte for byte.
///
/// Nothing is decoded or normalised: a path that needs it is not one of the two, so no two readers can disagree
/// about what it means.
struct RequestRules {
    enum Endpoint: String, Equatable {
        case messages = "/v1/messages"
        case countTokens = "/v1/messages/count_tokens"
    }

    enum Verdict: Equatable {
        case forward(Endpoint)
        case refuse(APIProblem)
    }

    let limits: GatewayLimits

    func judge(_ head: HTTPRequestHead) -> Verdict {
        if head.version != .http1_1 { return .refuse(.malformed("only HTTP/1.1 is spoken here")) }
        if let problem = framingProblem(head.headers) { return .refuse(problem) }
        if head.method == .CONNECT || head.headers.contains(name: "upgrade") { return .refuse(.upgrade) }

        let path = head.uri.prefix { $0 != "?" }
        guard let endpoint = Endpoint(rawValue: String(path)), hasSoundQuery(head.uri.dropFirst(path.count)) else {
            return .refuse(.path(head.method))
        }
        guard head.method == .POST else { return .refuse(.method) }
        return .forward(endpoint)
    }

    /// The decoder refuses most of this by itself; request smuggling is too dear to depend on one reader.
    private func framingProblem(_ headers: HTTPHeaders) -> APIProblem? {
        if headers.reduce(0, { $0 + $1.name.utf8.count + $1.value.utf8.count }) > limits.headerBytes {
            return .headersTooLarge(limits.headerBytes)
        }
        let lengths = headers["content-length"]
        let encodings = headers["transfer-encoding"]
        if !lengths.isEmpty, !encodings.isEmpty {
            return .malformed("it has both a content-length and a transfer-encoding")
        }
        if lengths.count > 1 { return .malformed("it has several lengths") }
        if encodings.count > 1 || encodings.contains(where: { $0.lowercased() != "chunked" }) {
            return .malformed("its transfer-encoding is not chunked")
        }
        if headers["host"].count > 1 { return .malformed("it has several hosts") }
        if let length = lengths.first {
            guard !length.isEmpty, length.utf8.allSatisfy(\.isASCIIDigit) else {
                return .malformed("its content-length is not a number")
            }
            // A number too long for an Int is too large as well.
            guard let count = Int(length), count <= limits.bodyBytes else { return .bodyTooLarge(limits.bodyBytes) }
        }
        return nil
    }

    private func hasSoundQuery(_ query: Substring) -> Bool {
        query.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }
    }
}

extension HTTPHeaders {
    /// Whether a request with these headers is followed by a body.
    var announceBody: Bool {
        contains(name: "transfer-encoding") || !(self["content-length"].first ?? "0").allSatisfy { $0 == "0" }
    }
}
