/// Something a supervisor wants to know at once; counts are in `GatewayUsage`.
package enum GatewayEvent: Sendable, Equatable {
    case refused(Refusal)
    case answered(Answer)
    case failed(Failure)

    /// A request that the gateway answered itself.
    package struct Refusal: Sendable, Equatable {
        /// One of `gateway.path`, `gateway.method`, `gateway.upgrade`, `gateway.malformed`, `gateway.tooLarge`,
        /// `gateway.timeout`, `gateway.noCredential`, `gateway.tooManyConnections`.
        package let code: String
        package let status: Int
        package let message: String
        /// "POST /v1/files", at most 200 bytes; absent where no request could be read.
        package let request: String?
    }

    /// An answer of the upstream that was passed on to its end, whatever its status.
    package struct Answer: Sendable, Equatable {
        package let path: String
        package let status: Int
        package let model: String?
        package let tokens: TokenCounts
        /// Whether this was a whole message: counted in `GatewayUsage.turns`.
        package let isTurn: Bool
        /// From the request's headers to the answer's last byte.
        package let milliseconds: Int64
    }

    /// A request that was forwarded and not answered to the end.
    package struct Failure: Sendable, Equatable {
        /// One of `gateway.unreachable`, `gateway.cut`, `gateway.encoding`, `gateway.clientGone`.
        package let code: String
        package let message: String
    }
}
