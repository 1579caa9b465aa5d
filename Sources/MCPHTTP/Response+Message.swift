import HTTPTypes
import HummingbirdCore
import MCP
import NIOCore

extension Response {
    /// - Parameter body: one JSON text.
    static func json(_ body: [UInt8], status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    /// What comes before any message, or is none: an error that answers no request (2026-07-28, "Streamable HTTP", Security).
    static func refusal(
        _ status: HTTPResponse.Status, _ sentence: String, _ headers: HTTPFields = [:],
        code: ResponseError.Code = .invalidRequest
    ) -> Response {
        refusal(status, nil, ResponseError(code, sentence), headers)
    }

    /// - Parameter id: of the request that is refused, where it is known.
    static func refusal(
        _ status: HTTPResponse.Status, _ id: RequestID?, _ error: ResponseError, _ headers: HTTPFields = [:]
    ) -> Response {
        let body = JSON.members(["jsonrpc": "2.0", "id": id?.json, "error": error.json])
        return json(body.bytes, status: status, headers: headers)
    }
}

extension ResponseError.Code {
    /// With what status a modern client is told of an error (2026-07-28, "Streamable HTTP").
    var status: HTTPResponse.Status {
        switch self {
        case .methodNotFound: .notFound
        case .parse, .invalidRequest, .invalidParams, .headerMismatch, .missingClientCapability, .unsupportedVersion:
            .badRequest
        default: .ok
        }
    }
}

extension HTTPField.Name {
    // Written here and tried by every test of the transport: one that is no token (RFC 9110, 5.1) is a mistake of ours, which no
    // request can bring about.
    static let mcpMethod = constant("Mcp-Method")
    static let mcpName = constant("Mcp-Name")
    static let mcpVersion = constant("MCP-Protocol-Version")
    static let mcpSession = constant("Mcp-Session-Id")
    static let accelBuffering = constant("X-Accel-Buffering")

    private static func constant(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a field") }
        return field
    }
}
