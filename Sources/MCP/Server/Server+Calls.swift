import OrderedCollections

/// What a handler of any kind came to.
enum Served {
    case result(JSON)
    case inputRequired(InputRequired)
}

/// What a server does for a client.
extension Server {
    /// Serves a request of one of the three kinds that may have to ask something first.
    func serve(_ request: Request, _ context: RequestContext) async throws -> Served {
        switch request.method {
        case "tools/call": try await call(request.params, context)
        case "resources/read": try await read(request.params, context)
        case "prompts/get": try await get(request.params, context)
        default: throw ResponseError.methodNotFound(request.method)
        }
    }

    private func call(_ params: JSON, _ context: RequestContext) async throws -> Served {
        let name = try params.text("name")
        guard let tool = tools().first(where: { $0.name == name }) else { throw ResponseError.unknown("tool", name) }
        let call = ToolCall(name: name, arguments: try params.members("arguments"))
        do {
            switch try await tool.call(call, context) {
            case .result(let result): return .result(result.json(for: context.client.version))
            case .inputRequired(let input): return .inputRequired(input)
            case .task(let task):
                guard context.acceptsTasks else { throw TaskExtension.undeclared }
                return .result(task.created)
            }
        } catch let error where !(error is ResponseError || Task.isCancelled) {
            // What went wrong inside is not for the client; by the reference it can be found.
            let failure = ToolResult.failure("The tool \(name) failed (reference \(reference(to: error))).")
            return .result(failure.json(for: context.client.version))
        }
    }

    private func read(_ params: JSON, _ context: RequestContext) async throws -> Served {
        guard let resources else { throw ResponseError.methodNotFound("resources/read") }
        let uri = try params.text("uri")
        switch try await resources.read(uri, context) {
        case nil: throw noResource(uri, context.client)
        case .inputRequired(let input): return .inputRequired(input)
        case .contents(let contents, let freshFor):
            let result: JSON = ["contents": .array(contents.map(\.json))]
            return .result(context.client.version.isModern ? result.cached(for: freshFor) : result)
        }
    }

    private func get(_ params: JSON, _ context: RequestContext) async throws -> Served {
        let prompts = prompts()
        guard !prompts.isEmpty else { throw ResponseError.methodNotFound("prompts/get") }
        let name = try params.text("name")
        guard let prompt = prompts.first(where: { $0.name == name }) else {
            throw ResponseError.unknown("prompt", name)
        }
        switch try await prompt.messages(prompt.arguments(in: params.members("arguments")), context) {
        case .inputRequired(let input): return .inputRequired(input)
        case .messages(let messages):
            let version = context.client.version
            return .result([
                "description": .string(prompt.description),
                "messages": .array(
                    messages.map { ["role": .string($0.role.rawValue), "content": $0.content.json(for: version)] }),
            ])
        }
    }

    func complete(_ params: JSON, _ context: RequestContext) async throws -> JSON {
        guard let completion else { throw ResponseError.methodNotFound("completion/complete") }
        let reference = try params.members("ref")
        let argument = try params.members("argument")
        let subject: CompletionRequest.Subject
        switch reference["type"]?.string {
        case "ref/prompt": subject = .prompt(try reference.text("name"))
        case "ref/resource": subject = .template(try reference.text("uri"))
        default: throw ResponseError.invalidParams("'ref.type' is ref/prompt or ref/resource.")
        }
        let others = (params["context"]?["arguments"]?.object ?? [:]).compactMap { key, value in
            value.string.map { (key, $0) }
        }
        let values = try await completion(
            CompletionRequest(
                subject: subject, argument: argument.text("name"), value: argument.text("value"),
                others: Dictionary(others) { $1 }), context)
        // Not more than a hundred (2026-07-28, "Completion").
        return [
            "completion": [
                "values": .array(values.prefix(100).map(JSON.string)), "total": .integer(Int64(values.count)),
                "hasMore": .bool(values.count > 100),
            ]
        ]
    }

    func task(_ method: String, _ params: JSON, _ context: RequestContext) async throws -> JSON {
        guard let tasks else { throw ResponseError.methodNotFound(method) }
        guard context.client.capabilities.hasTasks else { throw TaskExtension.undeclared }
        let id = try params.text("taskId")
        // The same words for one that there is not and one that is somebody else's.
        let unknown = ResponseError.invalidParams("There is no such task.")
        switch method {
        case "tasks/get":
            guard let task = try await tasks.get(id, context) else { throw unknown }
            return task.detailed
        case "tasks/cancel":
            guard try await tasks.cancel(id, context) else { throw unknown }
        default:
            guard params["inputResponses"] != nil else {
                throw ResponseError.invalidParams("'inputResponses' is missing.")
            }
            guard try await tasks.update(id, try params.members("inputResponses"), context) else { throw unknown }
        }
        return [:]
    }

    /// Reports an error that was none of the client's, and returns what he is told instead of it.
    func reference(to error: any Error) -> String {
        let reference = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        report(reference, error)
        return reference
    }
}

extension Prompt {
    /// - Throws: for what it does not know, what is missing, and what is no string.
    fileprivate func arguments(in given: JSON) throws(ResponseError) -> [String: String] {
        var found: [String: String] = [:]
        for (name, value) in given.object ?? [:] {
            guard arguments.contains(where: { $0.name == name }) else { throw .unknown("argument", name) }
            guard let text = value.string else {
                throw .invalidParams("The argument '\(name)' has to be a string, not \(value.kind).")
            }
            found[name] = text
        }
        if let missing = arguments.first(where: { $0.isRequired && found[$0.name] == nil }) {
            throw .invalidParams("The argument '\(missing.name)' is missing.")
        }
        return found
    }
}
