/// What a request is known by (JSON-RPC 2.0, 4): a string or an integer, echoed exactly.
///
/// Fractions and null, which JSON-RPC allows, the protocol does not (MCP, "Requests").
public enum RequestID: Hashable, Sendable {
    case string(String)
    case integer(Int64)

    /// Bytes of UTF-8 in one that is a string.
    public static let mostBytes = 1024

    public init?(_ json: JSON?) {
        switch json {
        case .string(let text) where text.utf8.count <= Self.mostBytes: self = .string(text)
        case .integer(let number): self = .integer(number)
        default: return nil
        }
    }

    public var json: JSON {
        switch self {
        case .string(let text): .string(text)
        case .integer(let number): .integer(number)
        }
    }
}
