/// Why a request could not be served (JSON-RPC 2.0, 5.1): it never reached what it asked for.
///
/// What a model can mend by another call (a wrong argument, a bound) is no error of the protocol but a tool's result with
/// `isError` (MCP 2025-11-25, "Error Handling").
public struct ResponseError: Error, Hashable, Sendable {
    public struct Code: RawRepresentable, Hashable, Sendable {
        public var rawValue: Int64
        public init(rawValue: Int64) { self.rawValue = rawValue }

        // JSON-RPC 2.0, 5.1.
        public static let parse = Code(rawValue: -32700)
        public static let invalidRequest = Code(rawValue: -32600)
        public static let methodNotFound = Code(rawValue: -32601)
        public static let invalidParams = Code(rawValue: -32602)
        public static let `internal` = Code(rawValue: -32603)
        /// Before 2026-07-28; later ones say `invalidParams`.
        public static let resourceNotFound = Code(rawValue: -32002)
        // MCP 2026-07-28, "Error codes".
        public static let headerMismatch = Code(rawValue: -32020)
        public static let missingClientCapability = Code(rawValue: -32021)
        public static let unsupportedVersion = Code(rawValue: -32022)
    }

    public var code: Code
    public var message: String
    public var data: JSON?

    public init(_ code: Code, _ message: String, data: JSON? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }

    public static func invalidParams(_ message: String, data: JSON? = nil) -> Self {
        Self(.invalidParams, message, data: data)
    }

    public static func methodNotFound(_ method: String) -> Self {
        Self(
            .methodNotFound, "There is no method '\(method.prefix(100))'.",
            data: .members(["method": .string(String(method.prefix(100)))]))
    }

    public static func unknown(_ what: String, _ name: String) -> Self {
        .invalidParams(
            "There is no \(what) '\(name.prefix(200))'.", data: .members([what: .string(String(name.prefix(200)))]))
    }

    public var json: JSON {
        .members(["code": .integer(code.rawValue), "message": .string(message), "data": data])
    }
}
