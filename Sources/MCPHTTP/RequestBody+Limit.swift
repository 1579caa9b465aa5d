import HummingbirdCore
import NIOCore

extension RequestBody {
    /// Why a body is not read.
    enum Unread: Error {
        /// It was read to its end all the same, so that the client, who may do nothing else before, reads the answer.
        case tooLong
        /// It has no end, or none in time: the connection has to go.
        case endless, tooSlow
    }

    /// - Parameters:
    ///   - most: bytes; of more, nothing is kept.
    ///   - time: for all of it. One that stops altogether ends with its connection, which is then idle.
    func read(most: Int, within time: Duration) async throws -> ByteBuffer {
        let end = ContinuousClock.now + time
        var body = ByteBuffer()
        var count = 0
        for try await part in self {
            count += part.readableBytes
            if count > most {
                body = ByteBuffer()
            } else {
                body.writeImmutableBuffer(part)
            }
            guard count <= most + Self.mostIgnored else { throw Unread.endless }
            guard .now < end else { throw Unread.tooSlow }
        }
        guard count <= most else { throw Unread.tooLong }
        return body
    }

    /// Bytes.
    private static let mostIgnored = 16 << 20
}
