import OrderedCollections

/// A part of what a tool or a prompt has to say.
public enum Content: Hashable, Sendable {
    case text(String)
    /// Base64, and its media type.
    case image(String, type: String)
    case audio(String, type: String)
    case link(Resource)
    case resource(ResourceContents)

    public var json: JSON {
        switch self {
        case .text(let text): ["type": "text", "text": .string(text)]
        case .image(let data, let type): ["type": "image", "data": .string(data), "mimeType": .string(type)]
        case .audio(let data, let type): ["type": "audio", "data": .string(data), "mimeType": .string(type)]
        case .link(let resource):
            JSON.object(
                (["type": "resource_link"] as OrderedDictionary).merging(resource.json.object ?? [:]) { one, _ in one })
        case .resource(let contents): ["type": "resource", "resource": contents.json]
        }
    }

    /// Links came with 2025-06-18, sound with 2025-03-26; to others, nothing is lost that a text cannot say.
    func json(for version: ProtocolVersion) -> JSON {
        switch self {
        case .link(let resource) where version < .june2025: ["type": "text", "text": .string(resource.uri)]
        case .audio(_, let type) where version < .march2025: ["type": "text", "text": .string("(\(type))")]
        default: json
        }
    }
}
