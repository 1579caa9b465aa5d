import Synchronization

/// The methods of 2024-11-05 to 2025-11-25, which need what was agreed upon at the beginning.
extension Connection {
    /// What a subscription of these versions is to.
    enum Watch: Hashable, Sendable {
        /// All three: there is no choice.
        case lists
        case resource(String)
    }

    /// The result of a request that needs no agreement, or makes one; nil for any other.
    func opening(_ request: Request) throws(ResponseError) -> JSON? {
        switch request.method {
        case "ping": return [:]
        case "initialize": return try initialize(request.params)
        default: return nil
        }
    }

    func agreed(for request: Request) throws(ResponseError) -> Client {
        if ["server/discover", "subscriptions/listen"].contains(request.method) {
            throw Envelope.missing(MetaKey.version)
        }
        guard let client = state.withLock({ $0.agreed }) else {
            throw ResponseError(
                .invalidRequest,
                "The connection is not initialized: send initialize first, or put the version of the protocol (\(ProtocolVersion.july2026.rawValue)) into '_meta' of each request.",
                data: ["supported": .array(ProtocolVersion.allCases.map { .string($0.rawValue) })])
        }
        return client
    }

    func legacyResult(of request: Request, for client: Client) async throws -> JSON {
        let params = request.params
        switch request.method {
        case "tools/list", "resources/list", "resources/templates/list", "prompts/list":
            return try await server.list(request.method, params, context(client, request))
        case "tools/call", "resources/read", "prompts/get": return try await asking(request, client)
        case "completion/complete": return try await server.complete(params, context(client, request))
        case "resources/subscribe":
            try await subscribe(to: params.text("uri"), context(client, request))
            return [:]
        case "resources/unsubscribe" where server.changes != nil:
            let uri = try params.text("uri")
            state.withLock { $0.watches.removeValue(forKey: .resource(uri)) }?.cancel()
            return [:]
        case "logging/setLevel" where server.hasLogging:
            guard let level = LogLevel(rawValue: try params.text("level")) else {
                throw ResponseError.invalidParams("'level' is none of \(LogLevel.names).")
            }
            state.withLock { $0.logLevel = level }
            return [:]
        default: throw ResponseError.methodNotFound(request.method)
        }
    }

    // MARK: - The beginning

    private func initialize(_ params: JSON) throws(ResponseError) -> JSON {
        let wanted = try params.text("protocolVersion")
        guard let info = Implementation(params["clientInfo"]) else {
            throw .invalidParams("'clientInfo' has to be an object with a name and a version.")
        }
        let capabilities = ClientCapabilities(try params.members("capabilities"))
        // Whoever wants something else is offered the newest of these (2025-11-25, "Version Negotiation").
        let known = ProtocolVersion(rawValue: wanted).flatMap { $0.isModern ? nil : $0 }
        let client = Client(version: known ?? .newestLegacy, capabilities: capabilities, info: info)
        let isFirst = state.withLock { state in
            guard state.agreed == nil else { return false }
            state.agreed = client
            return true
        }
        guard isFirst else { throw ResponseError(.invalidRequest, "The connection is initialized already.") }
        return .members([
            "protocolVersion": .string(client.version.rawValue), "capabilities": server.capabilities(isModern: false),
            "serverInfo": server.info.json, "instructions": server.instructions.map(JSON.string),
        ])
    }

    // MARK: - Subscriptions

    /// After `notifications/initialized`: before it, a client expects nothing but answers.
    func watchLists() {
        guard server.changes?.lists == true, let client = state.withLock({ $0.agreed }) else { return }
        var interest = Interest()
        (interest.toolList, interest.promptList, interest.resourceList) = (true, true, true)
        watch(.lists, interest, context(client, nil))
    }

    private func subscribe(to uri: String, _ context: RequestContext) async throws {
        guard let changes = server.changes else { throw ResponseError.methodNotFound("resources/subscribe") }
        var interest = Interest()
        interest.resources = [uri]
        guard try await changes.grant(interest, context).resources == [uri] else {
            throw server.noResource(uri, context.client)
        }
        let isFull = state.withLock { state in
            state.watches[.resource(uri)] == nil && state.watches.count >= server.limits.subscriptions
        }
        guard !isFull else { throw ResponseError.busy(server.limits.subscriptions, "subscriptions") }
        watch(.resource(uri), interest, context)
    }

    /// Begins one in the place of an earlier one to the same.
    private func watch(_ watch: Watch, _ interest: Interest, _ context: RequestContext) {
        guard let changes = server.changes else { return }
        let announcer = Announcer(channel: channel, meta: nil)
        let old: Task<Void, Never>? = state.withLock { state in
            guard !state.isClosed else { return nil }
            let task = Task { await announcer.run(changes.stream(interest, context)) }
            return state.watches.updateValue(task, forKey: watch)
        }
        old?.cancel()
    }

    // MARK: - Questions in the course of a call

    /// Serves a call that may have to ask: the client answers requests of ours, and then the call is made again here.
    private func asking(_ request: Request, _ client: Client) async throws -> JSON {
        var context = context(client, request)
        for _ in 0..<server.limits.rounds {
            switch try await server.serve(request, context) {
            case .result(let result): return result
            case .inputRequired(let input):
                try input.refuseUndeclared(by: client)
                var answers = context.answers
                for (key, question) in input.requests.sorted(by: { $0.key < $1.key }) {
                    answers[key] = await ask(question, client.version, on: request.channel)
                }
                context = self.context(client, request, answers: answers, state: input.state)
            }
        }
        throw ResponseError(.internal, "It asked \(server.limits.rounds) times, and is still not content.")
    }

    /// Sends a request of ours. Whoever does not answer it, or with an error, has not agreed.
    private func ask(_ question: InputRequest, _ version: ProtocolVersion, on channel: any Channel) async -> JSON {
        let id = state.withLock { state in
            state.lastQuestion += 1
            return RequestID.string("server-\(state.lastQuestion)")
        }
        let patience = server.limits.patience
        let timer = Task { [weak self] in
            do { try await Task.sleep(for: patience) } catch { return }
            self?.withdraw(id, on: channel)
        }
        defer { timer.cancel() }
        let given = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    guard !state.isClosed, !Task.isCancelled else { return false }
                    state.questions[id] = continuation
                    return true
                }
                guard isOpen else { return continuation.resume(returning: .failure(.unanswered)) }
                channel.send(.request(id, method: question.method, params: question.params(for: version)))
            }
        } onCancel: {
            withdraw(id, on: channel)
        }
        if case .success(let answer) = given { return answer }
        return ["action": "cancel"]
    }

    /// Does nothing once it is answered.
    private func withdraw(_ id: RequestID, on channel: any Channel) {
        guard let question = state.withLock({ $0.questions.removeValue(forKey: id) }) else { return }
        channel.send(
            .notification(
                method: "notifications/cancelled",
                params: ["requestId": id.json, "reason": "There was no answer in time."]))
        question.resume(returning: .failure(.unanswered))
    }
}

extension ResponseError {
    fileprivate static let unanswered = ResponseError(.internal, "The client did not answer in time.")
}
