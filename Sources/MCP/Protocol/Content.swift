import OrderedCollections

/// A part of what a tool or a prompt has to say.
public enum Content: Hashable, Sendable {
    case text(String)
    /// Base64, and its media type.
    case image(String, type: String)
    /// Base64, and its media type.
    case audio(String, type: String)
    case link(Resource)
    case resource(ResourceContents)

    /// Links came with 2025-06-18, sound with 2025-03-26; to clients of before, a text says what there would be.
    public func json(for version: ProtocolVersion = .july2026) -> JSON {
        switch self {
        case .text(let text): ["type": "text", "text": .string(text)]
        case .image(let data, let type): ["type": "image", "data": .string(data), "mimeType": .string(type)]
        case .audio(_, let type) where version < .march2025: ["type": "text", "text": .string("(\(type))")]
        case .audio(let data, let type): ["type": "audio", "data": .string(data), "mimeType": .string(type)]
        case .link(let resource) where version < .june2025: ["type": "text", "text": .string(resource.uri)]
        case .link(let resource):
            .object(Self.link.merging(resource.json(for: version).object ?? [:]) { type, _ in type })
        case .resource(let contents): ["type": "resource", "resource": contents.json]
        }
    }

    private static let link: OrderedDictionary<String, JSON> = ["type": "resource_link"]
}
