import HTTPTypes
import HummingbirdCore
import MCP
import NIOCore

/// Answers HTTP requests, those of both eras at one path: which one a client speaks is told by each request alone, except that
/// before 2026-07-28 it belongs to a session.
struct Endpoint: Sendable {
    let server: MCP.Server
    let gate: Gate
    let sessions: Sessions
    let timing: HTTPTransport.Timing

    /// What an HTTP request is answered with.
    enum Reply {
        case response(Response)
        /// - over: is called when it is told, or the client has hung up.
        case stream(EventStream, over: @Sendable () -> Void)
    }

    func respond(
        to request: Request, on writer: consuming ResponseWriter, over channel: any NIOCore.Channel
    ) async throws {
        let most = server.limits.message
        lazy var tooLong = Response.refusal(.contentTooLarge, "The body of a request has at most \(most) bytes.")
        let refusal = gate.refusal(of: request.head, at: channel.localAddress?.port)
        if request.headers[.expect]?.lowercased() == "100-continue" {
            let isTooLong = request.headers[.contentLength].flatMap(Int.init).map { $0 > most } == true
            if let refusal = refusal ?? (isTooLong ? tooLong : nil) { return try await hangUp(refusal, on: writer) }
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        let reply: Reply
        do {
            let body = try await request.body.read(most: refusal == nil ? most : 0, within: timing.head)
            reply = refusal.map(Reply.response) ?? self.reply(to: request, body)
        } catch RequestBody.Unread.tooLong {
            reply = .response(refusal ?? tooLong)
        } catch RequestBody.Unread.endless {
            return try await hangUp(refusal ?? tooLong, on: writer)
        } catch RequestBody.Unread.tooSlow {
            let tooSlow = Response.refusal(.requestTimeout, "The body of the request does not come.")
            return try await hangUp(refusal ?? tooSlow, on: writer)
        }
        switch reply {
        case .response(let response): try await writer.write(response: response.head, body: response.body)
        case .stream(let stream, let over):
            defer { over() }
            try await stream.write(on: writer, over: channel)
        }
    }

    /// Answers, and ends the connection, since what comes next over it is no request.
    private func hangUp(_ refusal: Response, on writer: consuming ResponseWriter) async throws {
        var refusal = refusal
        refusal.headers[.connection] = "close"
        try await writer.write(response: refusal.head, body: refusal.body)
        throw HungUp()
    }

    private struct HungUp: Error {}

    private func reply(to request: Request, _ body: ByteBuffer) -> Reply {
        switch request.method {
        case .post: post(request.headers, body)
        case .get: listen(request.headers)
        case .delete: end(request.headers)
        default: .response(Self.onlyPost)
        }
    }

    static let onlyPost = Response.refusal(
        .methodNotAllowed, "Messages are sent by POST; GET and DELETE need a session.", [.allow: "POST"])

    private func post(_ headers: HTTPFields, _ body: ByteBuffer) -> Reply {
        guard MediaType.isSent(MediaType.json, by: headers) else {
            return .response(.refusal(.unsupportedMediaType, "A message is sent as \(MediaType.json)."))
        }
        guard MediaType.isAccepted(MediaType.json, by: headers), MediaType.isAccepted(MediaType.events, by: headers)
        else {
            return .response(
                .refusal(.notAcceptable, "'Accept' has to list both \(MediaType.json) and \(MediaType.events)."))
        }
        do {
            let message = try Message.read(body.readableBytesView)
            return isModern(message, headers) ? modern(message, headers) : legacy(message, headers)
        } catch {
            return .response(.refusal(.badRequest, error.id, error.error))
        }
    }

    /// An envelope tells it for certain; where there is none, the header does, so that who forgot the envelope is told of that.
    private func isModern(_ message: Message, _ headers: HTTPFields) -> Bool {
        switch message {
        case .request(_, _, let params) where params.hasEnvelope: true
        case .request(_, "initialize", _): false
        default: headers[.mcpVersion].flatMap(ProtocolVersion.init)?.isModern == true
        }
    }
}
