/// What a server asks of a client in the course of a request of his.
public enum InputRequest: Hashable, Sendable {
    /// - Parameter schema: a flat object of strings, numbers, booleans and choices.
    case form(message: String, schema: JSON)
    /// - Parameter id: by which it was known in 2025-11-25, and in no other version.
    case url(message: String, url: String, id: String)
    /// `params` of `sampling/createMessage`.
    case sampling(JSON)
    case roots

    var method: String {
        switch self {
        case .form, .url: "elicitation/create"
        case .sampling: "sampling/createMessage"
        case .roots: "roots/list"
        }
    }

    /// - Parameter version: a form had no `mode` before 2025-11-25.
    func params(for version: ProtocolVersion) -> JSON {
        switch self {
        case .form(let message, let schema):
            .members([
                "mode": version >= .november2025 ? "form" : nil, "message": .string(message), "requestedSchema": schema,
            ])
        case .url(let message, let url, let id):
            .members([
                "mode": "url", "message": .string(message), "url": .string(url),
                "elicitationId": version.isModern ? nil : .string(id),
            ])
        case .sampling(let params): params
        case .roots: [:]
        }
    }

    /// As it stands in an answer with `resultType: "input_required"`.
    func json(for version: ProtocolVersion) -> JSON {
        ["method": .string(method), "params": params(for: version)]
    }

    /// What a client has to have said of himself; nil when he has.
    func missingCapability(of client: ClientCapabilities) -> JSON? {
        switch self {
        case .form: client.elicitsForms ? nil : ["elicitation": ["form": [:]]]
        case .url: client.elicitsURLs ? nil : ["elicitation": ["url": [:]]]
        case .sampling: client.samples ? nil : ["sampling": [:]]
        case .roots: client.hasRoots ? nil : ["roots": [:]]
        }
    }
}

/// The questions, each with a key of its own, and what their asker wants to know again when they are answered.
public struct InputRequired: Sendable {
    public var requests: [String: InputRequest]
    /// Comes back as `RequestContext.state`. The client carries it, sealed.
    public var state: JSON?

    public init(_ requests: [String: InputRequest], state: JSON? = nil) {
        self.requests = requests
        self.state = state
    }
}

extension InputRequest {
    /// Several, by key, as they stand in an answer.
    static func json(of requests: [String: InputRequest], for version: ProtocolVersion) -> JSON {
        var json: JSON = [:]
        for (key, request) in requests.sorted(by: { $0.key < $1.key }) { json[key] = request.json(for: version) }
        return json
    }
}

extension InputRequired {
    /// Nobody is asked for what he has not said he can do.
    func refuseUndeclared(by client: Client) throws(ResponseError) {
        for (_, request) in requests.sorted(by: { $0.key < $1.key }) {
            guard let missing = request.missingCapability(of: client.capabilities) else { continue }
            throw ResponseError(
                client.version.isModern ? .missingClientCapability : .invalidRequest,
                "This needs a client that has declared \(missing.text).", data: ["requiredCapabilities": missing])
        }
    }
}

/// What a person said to a form.
public enum ElicitationAnswer: Hashable, Sendable {
    case accept(JSON)
    case decline
    case cancel

    /// Of an answer as it came; whatever is not understood is no consent.
    public init(_ json: JSON?) {
        switch json?["action"]?.string {
        case "accept": self = .accept(json?["content"] ?? [:])
        case "decline": self = .decline
        default: self = .cancel
        }
    }
}
