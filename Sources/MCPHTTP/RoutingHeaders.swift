import FoundationEssentials
import HTTPTypes
import MCP

/// The headers by which something between client and server may route or judge a request without reading its body; so they have
/// to say what the body says (2026-07-28, "Streamable HTTP", Request Metadata).
struct RoutingHeaders: Sendable {
    let fields: HTTPFields

    /// - Parameter params: of a request whose envelope names its version.
    func check(_ method: String, _ params: JSON) throws(ResponseError) {
        let version = params["_meta"]?[MetaKey.version]?.string
        if let version { try compare(.mcpVersion, version) }
        // One that is not spoken here may have other rules, and is told which are.
        if let version, ProtocolVersion(rawValue: version)?.isModern != true { return }
        try compare(.mcpMethod, method)
        if let key = Self.source(of: method), let name = params[key]?.string {
            try compare(.mcpName, name, decode: Self.decoded)
        }
    }

    /// The member of `params` that `Mcp-Name` repeats; for tasks by the extension io.modelcontextprotocol/tasks.
    private static func source(of method: String) -> String? {
        switch method {
        case "tools/call", "prompts/get": "name"
        case "resources/read": "uri"
        case "tasks/get", "tasks/update", "tasks/cancel": "taskId"
        default: nil
        }
    }

    private func compare(
        _ name: HTTPField.Name, _ wanted: String, decode: (String) -> String? = { $0 }
    ) throws(ResponseError) {
        let values = fields[values: name]
        guard let value = values.first else {
            throw ResponseError(.headerMismatch, "The header \(name) is missing; it has to be '\(wanted.prefix(200))'.")
        }
        guard values.count == 1, decode(value) == wanted else {
            throw ResponseError(
                .headerMismatch,
                "The header \(name) is '\(value.prefix(200))', but the body of the request says '\(wanted.prefix(200))'."
            )
        }
    }

    /// What stands in a header, as itself or in Base64 (2026-07-28, "Value Encoding"); nil for Base64 that is none.
    static func decoded(_ value: String) -> String? {
        let (prefix, suffix) = ("=?base64?", "?=")
        guard value.utf8.count >= prefix.utf8.count + suffix.utf8.count, value.hasPrefix(prefix),
            value.hasSuffix(suffix)
        else { return value }
        let encoded = String(value.dropFirst(prefix.count).dropLast(suffix.count))
        return Data(base64Encoded: encoded).flatMap { String(validating: $0, as: UTF8.self) }
    }
}
