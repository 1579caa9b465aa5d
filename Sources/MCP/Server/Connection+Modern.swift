import OrderedCollections

/// The methods of 2026-07-28, which need nothing but the request.
extension Connection {
    func modernResult(of request: Request, for client: Client) async throws -> JSON {
        let params = request.params
        let result: JSON
        switch request.method {
        case "server/discover": result = server.discovery
        case "subscriptions/listen": result = try await listen(request, client)
        case "tasks/get", "tasks/update", "tasks/cancel":
            result = try await server.task(request.method, params, context(client, request))
        case "tools/list", "resources/list", "resources/templates/list", "prompts/list":
            result = try await server.list(request.method, params, context(client, request)).cached(for: 0)
        case "tools/call", "resources/read", "prompts/get": result = try await resumed(request, client)
        case "completion/complete": result = try await server.complete(params, context(client, request))
        default: throw ResponseError.methodNotFound(request.method)
        }
        return server.signed(result)
    }

    /// A call, or its repetition with the answers to what it had to ask.
    private func resumed(_ request: Request, _ client: Client) async throws -> JSON {
        let responses = try request.params.members("inputResponses").object ?? [:]
        let given = Dictionary(uniqueKeysWithValues: responses.map { ($0, $1) })
        var context = context(client, request, volunteered: given)
        if request.params["requestState"] != nil {
            let resumption = try server.states.open(
                try request.params.text("requestState"), of: request, for: principal)
            let answers = given.filter { resumption.asked.contains($0.key) }
            context = self.context(
                client, request, answers: resumption.answers.merging(answers) { $1 }, state: resumption.state)
        }
        switch try await server.serve(request, context) {
        case .result(let result): return result
        case .inputRequired(let input):
            try input.refuseUndeclared(by: client)
            let name = server.states.keep(
                .init(state: input.state, asked: Set(input.requests.keys), answers: context.answers),
                of: request, for: principal)
            return [
                "resultType": "input_required",
                "inputRequests": InputRequest.json(of: input.requests, for: client.version),
                "requestState": .string(name),
            ]
        }
    }

    /// Open until the client cancels it, or there is nothing more to tell.
    private func listen(_ request: Request, _ client: Client) async throws -> JSON {
        let filter = try Interest(request.params, of: server)
        if !filter.tasks.isEmpty, !client.capabilities.hasTasks { throw TaskExtension.undeclared }
        let context = context(client, request)
        let granted = try await server.changes?.grant(filter, context).intersection(filter) ?? Interest()
        let meta: JSON = .members([MetaKey.subscription: request.id.json])
        request.channel.send(
            .notification(
                method: "notifications/subscriptions/acknowledged",
                params: ["notifications": granted.json, "_meta": meta]))
        if let changes = server.changes, granted != Interest() {
            await Announcer(channel: request.channel, meta: meta).run(changes.stream(granted, context))
        } else {
            // That nothing will ever change is no reason to end it: the client would only ask again.
            while !Task.isCancelled { try await Task.sleep(for: .seconds(3600)) }
        }
        return ["_meta": meta]
    }
}

extension Interest {
    /// What a client wants to be told, as far as a server has it.
    fileprivate init(_ params: JSON, of server: Server) throws(ResponseError) {
        guard params["notifications"] != nil else { throw .invalidParams("'notifications' is missing.") }
        let wanted = try params.members("notifications")
        let lists = server.changes?.lists == true
        toolList = lists && wanted["toolsListChanged"] == true
        promptList = lists && wanted["promptsListChanged"] == true
        resourceList = lists && wanted["resourcesListChanged"] == true
        resources = try wanted.texts("resourceSubscriptions")
        tasks = try wanted.texts("taskIds")
        if server.tasks == nil { tasks = [] }
        // Each of them is looked at again and again for as long as the subscription lasts.
        guard resources.count + tasks.count <= server.limits.interests else {
            throw .invalidParams("A subscription has at most \(server.limits.interests) resources and tasks.")
        }
    }

    /// Nobody is told what he did not ask for, whatever was granted.
    fileprivate func intersection(_ other: Interest) -> Interest {
        var both = Interest()
        both.toolList = toolList && other.toolList
        both.promptList = promptList && other.promptList
        both.resourceList = resourceList && other.resourceList
        both.resources = resources.filter(Set(other.resources).contains)
        both.tasks = tasks.filter(Set(other.tasks).contains)
        return both
    }

    fileprivate var json: JSON {
        .members([
            "toolsListChanged": toolList ? true : nil, "promptsListChanged": promptList ? true : nil,
            "resourcesListChanged": resourceList ? true : nil,
            "resourceSubscriptions": resources.isEmpty ? nil : .array(resources.map(JSON.string)),
            "taskIds": tasks.isEmpty ? nil : .array(tasks.map(JSON.string)),
        ])
    }
}

extension Server {
    /// Each result says of what type it is, and whose.
    fileprivate func signed(_ result: JSON) -> JSON {
        var result = result
        if result["resultType"] == nil { result["resultType"] = "complete" }
        var meta = result["_meta"] ?? [:]
        meta[MetaKey.server] = info.json
        result["_meta"] = meta
        return result
    }
}
