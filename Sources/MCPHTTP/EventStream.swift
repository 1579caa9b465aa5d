import HTTPTypes
import HummingbirdCore
import MCP
import NIOCore

/// Writes what an exchange has to tell: as one JSON text when the answer is the first of it, else as Server-Sent Events.
struct EventStream: Sendable {
    let exchange: Exchange
    /// How long an answer may take before the client is shown, by the beginning of a stream, that it is being worked on; zero
    /// begins at once. Only from then on is it noticed that a client has hung up.
    var patience = Duration.seconds(1)
    /// How often a stream gives a sign of life, so that nobody takes it for dead.
    let keepAlive: Duration
    /// The head of an answer that comes first.
    var head: @Sendable (ResponseError?) -> (HTTPResponse.Status, HTTPFields) = { _ in (.ok, [:]) }

    /// Returns when everything is told, or nobody listens any more.
    func write(on response: consuming ResponseWriter, over channel: any NIOCore.Channel) async throws {
        let heart = exchange.beat(after: patience, every: keepAlive)
        defer {
            heart.cancel()
            exchange.end()
        }
        var parts = exchange.parts.makeAsyncIterator()
        var part = patience == .zero ? .heartbeat : await parts.next()
        if case .answer(let bytes, let error) = part {
            let (status, headers) = head(error)
            let answer = Response.json(bytes, status: status, headers: headers)
            return try await response.write(response: answer.head, body: answer.body)
        }
        var body = try await response.writeHead(HTTPResponse(status: .ok, headerFields: Self.headers))
        let handler = try await channel.pipeline.handler(type: HangUpHandler.self).get()
        handler.onHangUp(exchange.end)
        defer { handler.onHangUp(nil) }
        while let next = part {
            try await body.write(Self.event(next))
            if case .message(let bytes) = next { exchange.wrote(bytes.count) }
            part = await parts.next()
        }
        try await body.finish(nil)
    }

    private static let headers: HTTPFields = [
        .contentType: "text/event-stream", .cacheControl: "no-cache", .accelBuffering: "no",
    ]

    /// A message has no line ends of its own.
    private static func event(_ part: Exchange.Part) -> ByteBuffer {
        switch part {
        case .heartbeat: ByteBuffer(string: ":\n\n")
        case .message(let bytes), .answer(let bytes, _):
            ByteBuffer(bytes: Array("event: message\ndata: ".utf8) + bytes + Array("\n\n".utf8))
        }
    }
}
