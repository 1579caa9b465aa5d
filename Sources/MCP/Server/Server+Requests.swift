import OrderedCollections

extension Server {
    // MARK: - What there is

    func capabilities(isModern: Bool) -> JSON {
        let lists = JSON.bool(changes?.lists == true)
        return .members([
            "tools": ["listChanged": lists],
            "resources": resources == nil ? nil : ["subscribe": .bool(changes != nil), "listChanged": lists],
            "prompts": prompts().isEmpty ? nil : ["listChanged": lists],
            "completions": completion == nil ? nil : [:], "logging": hasLogging ? [:] : nil,
            "extensions": isModern && tasks != nil ? .members([TaskExtension.name: [:]]) : nil,
        ])
    }

    var discovery: JSON {
        cached(
            .members([
                "supportedVersions": .array(ProtocolVersion.modern.map { .string($0.rawValue) }),
                "capabilities": capabilities(isModern: true), "instructions": instructions.map(JSON.string),
            ]), for: 0)
    }

    /// All of a list on one page: some clients read no other.
    func list(_ method: String, _ params: JSON, _ context: RequestContext) async throws -> JSON {
        if let cursor = params["cursor"], cursor != .null {
            throw ResponseError.invalidParams("There is no page with this cursor: everything is on the first one.")
        }
        let version = context.client.version
        switch method {
        case "tools/list": return ["tools": .array(tools().map { $0.json(for: version) })]
        case "prompts/list" where !prompts().isEmpty:
            return ["prompts": .array(prompts().map { $0.json(for: version) })]
        case "resources/list":
            guard let resources else { break }
            return ["resources": .array(try await resources.list(context).map(\.json))]
        case "resources/templates/list":
            guard let resources else { break }
            return ["resourceTemplates": .array(resources.templates.map(\.json))]
        default: break
        }
        throw ResponseError.methodNotFound(method)
    }

    // MARK: - What is done

    func call(_ params: JSON, _ context: RequestContext) async throws -> Served {
        let name = try params.text("name")
        guard let tool = tools().first(where: { $0.name == name }) else { throw ResponseError.unknown("tool", name) }
        let arguments = params["arguments"] ?? [:]
        guard arguments.object != nil else {
            throw ResponseError.invalidParams("'arguments' has to be an object, not \(arguments.kind).")
        }
        do {
            switch try await tool.call(ToolCall(name: name, arguments: arguments), context) {
            case .result(let result): return .result(result.json(for: context.client.version))
            case .inputRequired(let input): return .inputRequired(input)
            case .task(let task):
                guard context.acceptsTasks else { throw TaskExtension.undeclared }
                return .result(task.created)
            }
        } catch let error as ResponseError {
            throw error
        } catch {
            // What went wrong inside is not for the client; by the reference it can be found.
            if error is CancellationError { throw error }
            let reference = Connection.reference()
            report(reference, error)
            return .result(
                ToolResult.failure("The tool \(name) failed (reference \(reference)).").json(
                    for: context.client.version))
        }
    }

    func read(_ params: JSON, _ context: RequestContext) async throws -> Served {
        let uri = try params.text("uri")
        guard let resources else { throw ResponseError.methodNotFound("resources/read") }
        switch try await resources.read(uri, context) {
        case nil: throw noResource(uri, context.client)
        case .inputRequired(let input): return .inputRequired(input)
        case .contents(let contents, let freshFor):
            let result: JSON = ["contents": .array(contents.map(\.json))]
            return .result(context.client.version.isModern ? cached(result, for: freshFor) : result)
        }
    }

    func get(_ params: JSON, _ context: RequestContext) async throws -> Served {
        let name = try params.text("name")
        guard let prompt = prompts().first(where: { $0.name == name }) else {
            throw ResponseError.unknown("prompt", name)
        }
        let given = params["arguments"] ?? [:]
        guard let members = given.object else {
            throw ResponseError.invalidParams("'arguments' has to be an object, not \(given.kind).")
        }
        var arguments: [String: String] = [:]
        for (key, value) in members {
            guard prompt.arguments.contains(where: { $0.name == key }) else {
                throw ResponseError.unknown("argument", key)
            }
            guard let text = value.string else {
                throw ResponseError.invalidParams("The argument '\(key)' has to be a string, not \(value.kind).")
            }
            arguments[key] = text
        }
        if let missing = prompt.arguments.first(where: { $0.isRequired && arguments[$0.name] == nil }) {
            throw ResponseError.invalidParams("The argument '\(missing.name)' is missing.")
        }
        switch try await prompt.messages(arguments, context) {
        case .inputRequired(let input): return .inputRequired(input)
        case .messages(let messages):
            return .result([
                "description": .string(prompt.description),
                "messages": .array(
                    messages.map {
                        ["role": .string($0.role.rawValue), "content": $0.content.json(for: context.client.version)]
                    }),
            ])
        }
    }

    func complete(_ params: JSON, _ context: RequestContext) async throws -> JSON {
        guard let completion else { throw ResponseError.methodNotFound("completion/complete") }
        guard let reference = params["ref"], let argument = params["argument"], let name = argument["name"]?.string,
            let value = argument["value"]?.string
        else { throw ResponseError.invalidParams("'ref' and 'argument', with a name and a value, are needed.") }
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
                subject: subject, argument: name, value: value,
                others: Dictionary(others, uniquingKeysWith: { one, _ in one })), context)
        // Not more than a hundred (2025-06-18, "Completion").
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
            return [:]
        default:
            guard let answers = params["inputResponses"], answers.object != nil else {
                throw ResponseError.invalidParams("'inputResponses' has to be an object.")
            }
            guard try await tasks.update(id, answers, context) else { throw unknown }
            return [:]
        }
    }

    func noResource(_ uri: String, _ client: Client) -> ResponseError {
        ResponseError(
            client.version.isModern ? .invalidParams : .resourceNotFound, "There is no such resource.",
            data: .members(["uri": .string(String(uri.prefix(1000)))]))
    }

    // MARK: - The shape of 2026-07-28

    /// - Parameter duration: milliseconds for which a client may keep it.
    func cached(_ result: JSON, for duration: Int64) -> JSON {
        var result = result
        result["ttlMs"] = .integer(duration)
        result["cacheScope"] = "private"
        return result
    }

    /// Each result says of what type it is, and whose.
    func modern(_ result: JSON) -> JSON {
        var members = result
        if members["resultType"] == nil { members["resultType"] = "complete" }
        var meta = members["_meta"] ?? [:]
        meta[MetaKey.server] = info.json
        members["_meta"] = meta
        return members
    }
}

extension TaskExtension {
    static let undeclared = ResponseError(
        .missingClientCapability, "This needs a client that has declared the extension \(name).",
        data: ["requiredCapabilities": ["extensions": .members([name: [:]])]])
}

extension JSON {
    /// A member that has to be a string.
    func text(_ key: String) throws(ResponseError) -> String {
        guard let value = self[key] else { throw .invalidParams("'\(key)' is missing.") }
        guard let text = value.string else { throw .invalidParams("'\(key)' has to be a string, not \(value.kind).") }
        return text
    }

    /// A member that is an array of strings, empty when it is not there.
    func texts(_ key: String) throws(ResponseError) -> [String] {
        guard let value = self[key] else { return [] }
        guard let elements = value.array else {
            throw .invalidParams("'\(key)' has to be an array, not \(value.kind).")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string else { throw .invalidParams("'\(key)' is an array of strings.") }
            texts.append(text)
        }
        return texts
    }
}
