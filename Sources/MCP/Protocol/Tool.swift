/// What a tool does to the world, as hints (2025-03-26, "Tool annotations"): no client may rely on them, and no server enforces by them.
public struct ToolAnnotations: Hashable, Sendable {
    public var readOnly: Bool
    public var destructive: Bool
    public var idempotent: Bool
    public var openWorld: Bool

    public init(readOnly: Bool, destructive: Bool, idempotent: Bool, openWorld: Bool) {
        self.readOnly = readOnly
        self.destructive = destructive
        self.idempotent = idempotent
        self.openWorld = openWorld
    }

    var json: JSON {
        [
            "readOnlyHint": .bool(readOnly), "destructiveHint": .bool(destructive),
            "idempotentHint": .bool(idempotent), "openWorldHint": .bool(openWorld),
        ]
    }
}

/// A tool and what is done when it is called.
public struct Tool: Sendable {
    public var name: String
    public var title: String?
    public var description: String
    /// JSON Schema 2020-12, an object at its root. It is told, and not enforced: `call` checks its arguments.
    public var inputSchema: JSON
    public var outputSchema: JSON?
    public var annotations: ToolAnnotations?
    public var meta: JSON?
    public var call: @Sendable (ToolCall, RequestContext) async throws -> ToolOutcome

    public init(
        name: String, title: String? = nil, description: String, inputSchema: JSON, outputSchema: JSON? = nil,
        annotations: ToolAnnotations? = nil, meta: JSON? = nil,
        call: @escaping @Sendable (ToolCall, RequestContext) async throws -> ToolOutcome
    ) {
        self.name = name
        self.title = title
        self.description = description
        self.inputSchema = inputSchema
        self.outputSchema = outputSchema
        self.annotations = annotations
        self.meta = meta
        self.call = call
    }

    public func json(for version: ProtocolVersion = .july2026) -> JSON {
        .members([
            "name": .string(name), "title": version >= .june2025 ? title.map(JSON.string) : nil,
            "description": .string(description), "inputSchema": inputSchema,
            "outputSchema": version >= .june2025 ? outputSchema : nil,
            "annotations": version >= .march2025 ? annotations?.json : nil,
            "_meta": version >= .june2025 ? meta : nil,
        ])
    }
}

public struct ToolCall: Hashable, Sendable {
    public var name: String
    /// An object.
    public var arguments: JSON

    public init(name: String, arguments: JSON) {
        self.name = name
        self.arguments = arguments
    }
}

/// What comes of a call.
public enum ToolOutcome: Sendable {
    case result(ToolResult)
    /// It goes on as a task; only where `RequestContext.acceptsTasks`.
    case task(TaskSnapshot)
    /// Something has to be asked first; the call is made again with the answers.
    case inputRequired(InputRequired)
}

public struct ToolResult: Hashable, Sendable {
    public var content: [Content]
    /// What `outputSchema` describes.
    public var structured: JSON?
    /// The model can mend it by another call.
    public var isError: Bool

    public init(_ content: [Content], structured: JSON? = nil, isError: Bool = false) {
        self.content = content
        self.structured = structured
        self.isError = isError
    }

    /// The same as JSON for programs and as text for those that read only that, with links behind it.
    public init(structured: JSON, links: [Resource] = [], isError: Bool = false) {
        self.init([.text(structured.text)] + links.map(Content.link), structured: structured, isError: isError)
    }

    public static func failure(_ sentence: String, structured: JSON? = nil) -> ToolResult {
        ToolResult([.text(sentence)], structured: structured, isError: true)
    }

    public func json(for version: ProtocolVersion = .july2026) -> JSON {
        .members([
            "content": .array(content.map { $0.json(for: version) }),
            "structuredContent": version >= .june2025 ? structured : nil, "isError": isError ? true : nil,
        ])
    }
}
