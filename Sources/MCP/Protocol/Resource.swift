/// Something that can be read by its URI.
public struct Resource: Hashable, Sendable {
    public var uri: String
    public var name: String
    public var title: String?
    public var description: String?
    public var mimeType: String?
    /// Bytes.
    public var size: Int64?

    public init(
        uri: String, name: String, title: String? = nil, description: String? = nil, mimeType: String? = nil,
        size: Int64? = nil
    ) {
        self.uri = uri
        self.name = name
        self.title = title
        self.description = description
        self.mimeType = mimeType
        self.size = size
    }

    func json(for version: ProtocolVersion) -> JSON {
        .members([
            "uri": .string(uri), "name": .string(name), "title": version >= .june2025 ? title.map(JSON.string) : nil,
            "description": description.map(JSON.string), "mimeType": mimeType.map(JSON.string),
            "size": size.map(JSON.integer),
        ])
    }
}

/// A family of resources (RFC 6570).
public struct ResourceTemplate: Hashable, Sendable {
    public var uriTemplate: String
    public var name: String
    public var title: String?
    public var description: String?
    public var mimeType: String?

    public init(
        uriTemplate: String, name: String, title: String? = nil, description: String? = nil, mimeType: String? = nil
    ) {
        self.uriTemplate = uriTemplate
        self.name = name
        self.title = title
        self.description = description
        self.mimeType = mimeType
    }

    func json(for version: ProtocolVersion) -> JSON {
        .members([
            "uriTemplate": .string(uriTemplate), "name": .string(name),
            "title": version >= .june2025 ? title.map(JSON.string) : nil,
            "description": description.map(JSON.string), "mimeType": mimeType.map(JSON.string),
        ])
    }
}

/// What was read.
public struct ResourceContents: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        case text(String)
        /// Base64.
        case blob(String)
    }

    public var uri: String
    public var mimeType: String?
    public var body: Body

    public init(uri: String, mimeType: String?, _ body: Body) {
        self.uri = uri
        self.mimeType = mimeType
        self.body = body
    }

    var json: JSON {
        switch body {
        case .text(let text):
            .members(["uri": .string(uri), "mimeType": mimeType.map(JSON.string), "text": .string(text)])
        case .blob(let data):
            .members(["uri": .string(uri), "mimeType": mimeType.map(JSON.string), "blob": .string(data)])
        }
    }
}

/// The resources of a server.
public struct Resources: Sendable {
    /// All on one page: clients before 2026 read no other.
    public var list: @Sendable (RequestContext) async throws -> [Resource]
    public var templates: [ResourceTemplate]
    /// Nil when there is no such resource.
    public var read: @Sendable (String, RequestContext) async throws -> ResourceOutcome?

    public init(
        list: @escaping @Sendable (RequestContext) async throws -> [Resource], templates: [ResourceTemplate],
        read: @escaping @Sendable (String, RequestContext) async throws -> ResourceOutcome?
    ) {
        self.list = list
        self.templates = templates
        self.read = read
    }
}

public enum ResourceOutcome: Sendable {
    /// - Parameter freshFor: milliseconds for which a client may keep it.
    case contents([ResourceContents], freshFor: Int64)
    case inputRequired(InputRequired)
}
