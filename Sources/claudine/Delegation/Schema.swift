import MCP
import OrderedCollections

/// JSON Schema 2020-12 as every client understands it: plain objects, nothing combined at the root (some clients drop a tool, or
/// the whole server, for an `anyOf` there).
enum Schema {
    static func object(
        _ properties: KeyValuePairs<String, JSON>, required: [String] = [], isClosed: Bool = true
    ) -> JSON {
        .members([
            "type": "object",
            "properties": .object(OrderedDictionary(uniqueKeysWithValues: properties.map { ($0.key, $0.value) })),
            "required": required.isEmpty ? nil : .array(required.map(JSON.string)),
            "additionalProperties": isClosed ? false : nil,
        ])
    }

    static func text(_ description: String, length: ClosedRange<Int>? = nil, pattern: String? = nil) -> JSON {
        .members([
            "type": "string", "description": .string(description),
            "minLength": length.map { .integer(Int64($0.lowerBound)) },
            "maxLength": length.map { .integer(Int64($0.upperBound)) }, "pattern": pattern.map(JSON.string),
        ])
    }

    static func choice(_ description: String, _ values: [String]) -> JSON {
        ["type": "string", "description": .string(description), "enum": .array(values.map(JSON.string))]
    }

    static func integer(_ description: String, _ range: ClosedRange<Int>? = nil) -> JSON {
        .members([
            "type": "integer", "description": .string(description),
            "minimum": range.map { .integer(Int64($0.lowerBound)) },
            "maximum": range.map { .integer(Int64($0.upperBound)) },
        ])
    }

    static func amount(_ description: String) -> JSON {
        ["type": "number", "description": .string(description), "exclusiveMinimum": 0]
    }

    static func flag(_ description: String) -> JSON { ["type": "boolean", "description": .string(description)] }

    static func list(_ description: String, of item: JSON, most: Int? = nil) -> JSON {
        .members([
            "type": "array", "description": .string(description), "items": item,
            "maxItems": most.map { .integer(Int64($0)) },
        ])
    }

    static func task(_ description: String) -> JSON { text(description, pattern: "^task_[a-z2-7]{26}$") }

    /// An object whose members are described elsewhere.
    static func any(_ description: String) -> JSON { ["type": "object", "description": .string(description)] }
}
