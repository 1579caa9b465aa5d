extension Connection {
    /// The methods of both eras, and what each era alone has.
    func result(of request: Request, progress: ProgressReport?) async throws -> JSON {
        switch try Envelope(request.params) {
        case .modern(let client):
            let context = context(client, request, progress)
            let result = try await modernResult(of: request, context)
            return server.modern(result)
        case .none:
            return try await legacyResult(of: request, progress)
        }
    }

    private func modernResult(of request: Request, _ context: RequestContext) async throws -> JSON {
        let params = request.params
        switch request.method {
        case "server/discover": return server.discovery
        case "subscriptions/listen": return try await listen(request, context)
        case "tasks/get", "tasks/update", "tasks/cancel":
            return try await server.task(request.method, params, context)
        case "tools/list", "resources/list", "resources/templates/list", "prompts/list":
            return server.cached(try await server.list(request.method, params, context), for: 0)
        case "resources/read": return try await asked(request, context) { try await self.server.read(params, $0) }
        case "tools/call": return try await asked(request, context) { try await self.server.call(params, $0) }
        case "prompts/get": return try await asked(request, context) { try await self.server.get(params, $0) }
        case "completion/complete" where server.completion != nil: return try await server.complete(params, context)
        default: throw ResponseError.methodNotFound(request.method)
        }
    }

    private func legacyResult(of request: Request, _ progress: ProgressReport?) async throws -> JSON {
        let params = request.params
        if request.method == "ping" { return [:] }
        if request.method == "initialize" { return try initialize(params) }
        if ["server/discover", "subscriptions/listen"].contains(request.method) {
            throw Envelope.missing(MetaKey.version)
        }
        guard let client = agreed else {
            throw ResponseError(
                .invalidRequest,
                "The connection is not initialized: send initialize first, or put the version of the protocol (\(ProtocolVersion.july2026.rawValue)) into '_meta' of each request.",
                data: .members(["supported": .array(ProtocolVersion.allCases.map { .string($0.rawValue) })]))
        }
        let context = context(client, request, progress)
        switch request.method {
        case "tools/list", "resources/list", "resources/templates/list", "prompts/list":
            return try await server.list(request.method, params, context)
        case "resources/read": return try await asked(request, context) { try await self.server.read(params, $0) }
        case "tools/call": return try await asked(request, context) { try await self.server.call(params, $0) }
        case "prompts/get": return try await asked(request, context) { try await self.server.get(params, $0) }
        case "completion/complete" where server.completion != nil: return try await server.complete(params, context)
        case "resources/subscribe" where server.changes != nil:
            var interest = Interest()
            interest.resources = [try params.text("uri")]
            let granted = try await server.changes?.grant(interest, context)
            guard granted?.resources == interest.resources else {
                throw server.noResource(interest.resources[0], client)
            }
            try watch(interest.resources[0], interest, context)
            return [:]
        case "resources/unsubscribe" where server.changes != nil:
            unwatch(try params.text("uri"))
            return [:]
        case "logging/setLevel" where server.hasLogging:
            let name = try params.text("level")
            guard let level = LogLevel(rawValue: name) else {
                throw ResponseError.invalidParams("'level' is none of \(LogLevel.names).")
            }
            setLogLevel(level)
            return [:]
        default: throw ResponseError.methodNotFound(request.method)
        }
    }

    // MARK: - The old beginning

    private func initialize(_ params: JSON) throws(ResponseError) -> JSON {
        let wanted = try params.text("protocolVersion")
        guard let info = Implementation(params["clientInfo"]) else {
            throw .invalidParams("'clientInfo' has to be an object with a name and a version.")
        }
        let capabilities = params["capabilities"] ?? [:]
        guard capabilities.object != nil else {
            throw .invalidParams("'capabilities' has to be an object, not \(capabilities.kind).")
        }
        let known = ProtocolVersion(rawValue: wanted).flatMap { $0.isModern ? nil : $0 }
        let client = Client(
            version: known ?? .newestLegacy, capabilities: ClientCapabilities(capabilities), info: info)
        guard agree(client) else { throw ResponseError(.invalidRequest, "The connection is initialized already.") }
        if server.changes?.lists == true {
            var lists = Interest()
            (lists.toolList, lists.promptList, lists.resourceList) = (true, true, true)
            try watch(
                "", lists, context(client, Request(id: .integer(0), method: "", params: [:], channel: Silence()), nil))
        }
        return .members([
            "protocolVersion": .string(client.version.rawValue), "capabilities": server.capabilities(isModern: false),
            "serverInfo": server.info.json, "instructions": server.instructions.map(JSON.string),
        ])
    }

    // MARK: - Subscriptions

    /// Open until the client cancels it or the connection ends.
    private func listen(_ request: Request, _ context: RequestContext) async throws -> JSON {
        guard let wanted = request.params["notifications"], wanted.object != nil else {
            throw ResponseError.invalidParams("'notifications' has to be an object.")
        }
        var interest = Interest()
        let lists = server.changes?.lists == true
        interest.toolList = lists && wanted["toolsListChanged"] == true
        interest.promptList = lists && wanted["promptsListChanged"] == true
        interest.resourceList = lists && wanted["resourcesListChanged"] == true
        interest.resources = try wanted.texts("resourceSubscriptions")
        interest.tasks = try wanted.texts("taskIds")
        if !interest.tasks.isEmpty, server.tasks != nil, !context.client.capabilities.hasTasks {
            throw TaskExtension.undeclared
        }
        let granted = try await server.changes?.grant(interest, context) ?? Interest()
        let meta: JSON = .members([MetaKey.subscription: request.id.json])
        request.channel.send(
            .notification(
                method: "notifications/subscriptions/acknowledged",
                params: ["notifications": granted.json, "_meta": meta]))
        if let changes = server.changes, granted != Interest() {
            for await change in changes.stream(granted, context) {
                guard var notification = change.notification else { continue }
                notification.params["_meta"] = meta
                request.channel.send(.notification(method: notification.method, params: notification.params))
            }
        }
        // Nothing to tell is no reason to end it.
        while !Task.isCancelled { try await Task.sleep(for: .seconds(3600)) }
        return ["_meta": meta]
    }

    // MARK: - Questions in the course of a call

    /// Serves a call that may have to ask: the answers come with a repetition of it or, before 2026-07-28, to requests of ours,
    /// whereupon it is made again here.
    private func asked(
        _ request: Request, _ first: RequestContext, _ serve: (RequestContext) async throws -> Served
    ) async throws -> JSON {
        if first.client.version.isModern {
            let context = try resumed(request, first)
            switch try await serve(context) {
            case .result(let result): return result
            case .inputRequired(let input):
                try refuseUndeclared(input, context.client)
                var requests: JSON = [:]
                for key in input.requests.keys.sorted() {
                    requests[key] = input.requests[key]?.json(for: context.client.version)
                }
                let state = server.states.keep(input.state, of: request.method, request.params, for: principal)
                return ["resultType": "input_required", "inputRequests": requests, "requestState": .string(state)]
            }
        }
        var context = first
        for _ in 0..<server.limits.rounds {
            switch try await serve(context) {
            case .result(let result): return result
            case .inputRequired(let input):
                try refuseUndeclared(input, context.client)
                var answers = context.answers
                for (key, question) in input.requests.sorted(by: { $0.key < $1.key }) {
                    do {
                        answers[key] = try await ask(
                            question.method, question.params(for: context.client.version), on: request.channel)
                    } catch {
                        // Whoever does not answer has not agreed.
                        answers[key] = ["action": "cancel"]
                    }
                }
                context = self.context(
                    first.client, request, first.progressReport, answers: answers, state: input.state)
            }
        }
        throw ResponseError(.internal, "It asked \(server.limits.rounds) times, and is still not content.")
    }

    private func resumed(_ request: Request, _ context: RequestContext) throws(ResponseError) -> RequestContext {
        let responses = request.params["inputResponses"] ?? [:]
        guard let answers = responses.object else {
            throw .invalidParams("'inputResponses' has to be an object, not \(responses.kind).")
        }
        var state: JSON?
        if let name = request.params["requestState"] {
            guard let name = name.string else { throw .invalidParams("'requestState' has to be a string.") }
            state = try server.states.open(name, of: request.method, request.params, for: principal)
        }
        let known = Dictionary(uniqueKeysWithValues: answers.map { ($0, $1) })
        return self.context(context.client, request, context.progressReport, answers: known, state: state)
    }

    private func refuseUndeclared(_ input: InputRequired, _ client: Client) throws(ResponseError) {
        for (_, question) in input.requests.sorted(by: { $0.key < $1.key }) {
            guard let missing = question.missingCapability(of: client.capabilities) else { continue }
            throw ResponseError(
                .missingClientCapability, "This needs a client that has declared \(missing.text).",
                data: ["requiredCapabilities": missing])
        }
    }

    private func context(
        _ client: Client, _ request: Request, _ progress: ProgressReport?, answers: [String: JSON] = [:],
        state: JSON? = nil
    ) -> RequestContext {
        let meta = request.params["_meta"] ?? [:]
        var sendLog: (@Sendable (LogLevel, String?, JSON) -> Void)?
        let least = client.version.isModern ? meta[MetaKey.logLevel]?.string.flatMap(LogLevel.init) : logLevel
        if server.hasLogging, let least {
            let channel = request.channel
            sendLog = { level, logger, data in
                guard level >= least else { return }
                let params = JSON.members([
                    "level": .string(level.rawValue), "logger": logger.map(JSON.string), "data": data,
                ])
                channel.send(.notification(method: "notifications/message", params: params))
            }
        }
        return RequestContext(
            client: client, principal: principal, meta: meta, answers: answers, state: state, progressReport: progress,
            sendLog: sendLog)
    }
}

/// What a handler of any kind came to.
enum Served {
    case result(JSON)
    case inputRequired(InputRequired)
}

private struct Silence: Channel {
    func send(_ message: Message) {}
}

extension Interest {
    fileprivate var json: JSON {
        .members([
            "toolsListChanged": toolList ? true : nil, "promptsListChanged": promptList ? true : nil,
            "resourcesListChanged": resourceList ? true : nil,
            "resourceSubscriptions": resources.isEmpty ? nil : .array(resources.map(JSON.string)),
            "taskIds": tasks.isEmpty ? nil : .array(tasks.map(JSON.string)),
        ])
    }
}

extension Change {
    fileprivate var notification: (method: String, params: JSON)? {
        if case .task(let task) = self { return ("notifications/tasks", task.detailed) }
        return legacyNotification
    }

    /// Nil for what there was not before 2026-07-28.
    var legacyNotification: (method: String, params: JSON)? {
        switch self {
        case .toolList: ("notifications/tools/list_changed", [:])
        case .promptList: ("notifications/prompts/list_changed", [:])
        case .resourceList: ("notifications/resources/list_changed", [:])
        case .resource(let uri): ("notifications/resources/updated", ["uri": .string(uri)])
        case .task: nil
        }
    }
}
