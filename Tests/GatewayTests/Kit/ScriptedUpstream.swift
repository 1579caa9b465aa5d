import Foundation
import Glibc
import Synchronization

/// An upstream on loopback that does with each connection what a closure says, on a thread of its own.
final class ScriptedUpstream: Sendable {
    typealias Script = @Sendable (Connection) throws -> Void

    /// One connection as the script sees it.
    final class Connection {
        let wire: Wire
        let reader: MessageReader
        private let upstream: ScriptedUpstream

        init(_ wire: Wire, _ upstream: ScriptedUpstream) {
            self.wire = wire
            self.upstream = upstream
            reader = MessageReader(wire)
        }

        /// The next request, recorded; `nil` when the gateway has hung up.
        func request() throws -> Message? {
            guard let request = try reader.next() else { return nil }
            upstream.log.withLock { $0.append(request) }
            return request
        }

        func send(_ text: String) throws { try wire.send(text) }

        func answer(_ status: String = "200 OK", _ headers: [String] = [], _ body: String = "{}") throws {
            let lines = ["HTTP/1.1 \(status)", "content-length: \(body.utf8.count)"] + headers
            try send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
        }

        func beginEvents() throws {
            try send(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
            )
        }

        func chunk(_ text: String) throws { try send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n") }
        func endChunks() throws { try send("0\r\n\r\n") }
    }

    let port: Int
    private let listener: CInt
    private let log = Mutex<[Message]>([])
    private let accepted = Mutex(0)

    init(_ script: @escaping Script) {
        let (listener, port) = listeningSocket()
        (self.listener, self.port) = (listener, port)
        Thread.detachNewThread { [self] in
            while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
                accepted.withLock { $0 += 1 }
                Thread.detachNewThread { [self] in
                    try? script(Connection(Wire(descriptor: descriptor), self))
                }
            }
        }
    }

    /// Answers every request with the same JSON.
    static func answering(_ status: String = "200 OK", _ headers: [String] = [], _ body: String = "{}")
        -> ScriptedUpstream
    {
        ScriptedUpstream { connection in
            while try connection.request() != nil { try connection.answer(status, headers, body) }
        }
    }

    var requests: [Message] { log.withLock { $0 } }
    var connections: Int { accepted.withLock { $0 } }

    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
    }
}
