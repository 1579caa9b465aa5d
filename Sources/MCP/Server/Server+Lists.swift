/// What a server says of itself.
extension Server {
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
        JSON.members([
            "supportedVersions": .array(ProtocolVersion.modern.map { .string($0.rawValue) }),
            "capabilities": capabilities(isModern: true), "instructions": instructions.map(JSON.string),
        ]).cached(for: 0)
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
            return ["resources": .array(try await resources.list(context).map { $0.json(for: version) })]
        case "resources/templates/list":
            guard let resources else { break }
            return ["resourceTemplates": .array(resources.templates.map { $0.json(for: version) })]
        default: break
        }
        throw ResponseError.methodNotFound(method)
    }

    func noResource(_ uri: String, _ client: Client) -> ResponseError {
        ResponseError(
            client.version.isModern ? .invalidParams : .resourceNotFound, "There is no such resource.",
            data: .members(["uri": .string(String(uri.prefix(1000)))]))
    }
}

extension JSON {
    /// A result with what 2026-07-28 requires of those that may be kept ("Caching").
    ///
    /// - Parameter duration: milliseconds.
    func cached(for duration: Int64) -> JSON {
        var result = self
        result["ttlMs"] = .integer(max(duration, 0))
        result["cacheScope"] = "private"
        return result
    }
}
