import NIOCore
import NIOHTTP1

/// One request that is being forwarded, and its answer.
struct Exchange {
    let endpoint: RequestRules.Endpoint
    let request: HTTPRequestHead
    let start: NIODeadline
    /// `nil` until the connection to the upstream stands.
    var upstream: UpstreamConnection?
    /// Body that came before it did: at most what one read of the socket had decoded, since reading pauses.
    var waiting: [HTTPClientRequestPart] = []
    var bodyBytes = 0
    var requestEnded = false

    var status: HTTPResponseStatus?
    /// Whether the cage's connection can carry another request after this answer.
    var keepsClient = false
    /// Whether the upstream's connection can.
    var keepsUpstream = false
    var meter: AnswerMeter?
    var filter: SecretFilter?

    init(endpoint: RequestRules.Endpoint, request: HTTPRequestHead) {
        self.endpoint = endpoint
        self.request = request
        start = .now()
    }
}
