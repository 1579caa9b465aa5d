import NIOHTTP1

/// An error of the gateway's own, in the shape that clients of the API understand.
struct APIProblem: Equatable {
    let status: HTTPResponseStatus
    /// The stable word for machines, as in `GatewayEvent.Refusal`.
    let code: String
    let message: String

    /// The API's word for this kind of error.
    var type: String {
        switch status {
        case .unauthorized: "authentication_error"
        case .forbidden: "permission_error"
        case .payloadTooLarge: "request_too_large"
        case .requestTimeout, .gatewayTimeout: "timeout_error"
        case .badGateway: "api_error"
        default: "invalid_request_error"
        }
    }

    var body: String {
        #"{"type":"error","error":{"type":"\#(type)","message":"Claudine: \#(escaped(message))"}}"#
    }

    private func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += #"\""#
            case "\\": result += #"\\"#
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension APIProblem {
    static func path(_ method: HTTPMethod) -> APIProblem {
        APIProblem(
            status: .forbidden, code: "gateway.path",
            message:
                "only POST /v1/messages and POST /v1/messages/count_tokens leave the cage; this was another \(method)")
    }

    static let method = APIProblem(
        status: .forbidden, code: "gateway.method", message: "only POST is forwarded to the model API")

    static let upgrade = APIProblem(
        status: .forbidden, code: "gateway.upgrade", message: "a change of protocol is not allowed")

    static func malformed(_ problem: String) -> APIProblem {
        APIProblem(status: .badRequest, code: "gateway.malformed", message: "the request is not sound HTTP: \(problem)")
    }

    static func headersTooLarge(_ limit: Int) -> APIProblem {
        APIProblem(
            status: .requestHeaderFieldsTooLarge, code: "gateway.tooLarge",
            message: "the headers are larger than \(limit) bytes")
    }

    static func bodyTooLarge(_ limit: Int) -> APIProblem {
        APIProblem(
            status: .payloadTooLarge, code: "gateway.tooLarge", message: "the body is larger than \(limit) bytes")
    }

    static let bodyTimeout = APIProblem(
        status: .requestTimeout, code: "gateway.timeout", message: "the rest of the request did not come in time")

    static let noCredential = APIProblem(
        status: .unauthorized, code: "gateway.noCredential",
        message: "no credential for the model API was found on the host; "
            + "set ANTHROPIC_API_KEY for claudine, or log in with claude")

    static func unreachable(_ upstream: UpstreamAddress, _ problem: String) -> APIProblem {
        APIProblem(
            status: .badGateway, code: "gateway.unreachable", message: "\(upstream) cannot be reached: \(problem)")
    }

    static func cut(_ upstream: UpstreamAddress, _ problem: String) -> APIProblem {
        APIProblem(status: .badGateway, code: "gateway.cut", message: "\(upstream) gave no answer: \(problem)")
    }

    static func encoding(_ name: String) -> APIProblem {
        APIProblem(
            status: .badGateway, code: "gateway.encoding",
            message: "the upstream answered in the encoding \(name), which was not asked for and cannot be metered")
    }
}
