public struct PromptArgument: Hashable, Sendable {
    public var name: String
    public var description: String
    public var isRequired: Bool

    public init(_ name: String, _ description: String, isRequired: Bool = true) {
        self.name = name
        self.description = description
        self.isRequired = isRequired
    }
}

public struct PromptMessage: Hashable, Sendable {
    public enum Role: String, Sendable {
        case user, assistant
    }

    public var role: Role
    public var content: Content

    public init(_ role: Role, _ content: Content) {
        self.role = role
        self.content = content
    }
}

/// A text that people call by its name.
public struct Prompt: Sendable {
    public var name: String
    public var title: String?
    public var description: String
    public var arguments: [PromptArgument]
    /// Is given only arguments that it names, and all that it requires.
    public var messages: @Sendable ([String: String], RequestContext) async throws -> PromptOutcome

    public init(
        name: String, title: String? = nil, description: String, arguments: [PromptArgument] = [],
        messages: @escaping @Sendable ([String: String], RequestContext) async throws -> PromptOutcome
    ) {
        self.name = name
        self.title = title
        self.description = description
        self.arguments = arguments
        self.messages = messages
    }

    func json(for version: ProtocolVersion) -> JSON {
        .members([
            "name": .string(name), "title": version >= .june2025 ? title.map(JSON.string) : nil,
            "description": .string(description),
            "arguments": .array(
                arguments.map {
                    [
                        "name": .string($0.name), "description": .string($0.description),
                        "required": .bool($0.isRequired),
                    ]
                }),
        ])
    }
}

public enum PromptOutcome: Sendable {
    case messages([PromptMessage])
    case inputRequired(InputRequired)
}
