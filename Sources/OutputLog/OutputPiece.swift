package import ShepherdProtocol

/// A run of one stream as a reader hands it on: bytes, or the announcement that some are not kept.
package enum OutputPiece: Equatable, Sendable {
    case data(OutputStream, Bytes, offset: UInt64)
    case gap(OutputStream, from: UInt64, to: UInt64)

    package var stream: OutputStream {
        switch self {
        case .data(let stream, _, _), .gap(let stream, _, _): stream
        }
    }

    /// The stream offset just behind this piece: where to go on after it.
    package var end: UInt64 {
        switch self {
        case .data(_, let bytes, let offset): offset + UInt64(bytes.count)
        case .gap(_, _, let to): to
        }
    }
}

/// Something that can be asked for the next piece and says nil when there is none now.
package protocol OutputCursor: Sendable {
    var output: AttemptOutput { get }
    mutating func next() throws(OutputLogError) -> OutputPiece?
}

/// Bytes in one piece at most: large enough that a follower is not bound by system calls, small enough to hold many.
package let largestPiece = 65_536

/// One stream from an offset on.
package struct StreamCursor: OutputCursor {
    package let output: AttemptOutput
    package let stream: OutputStream
    /// The stream offset of the next piece; hand it to a later cursor to go on there.
    package private(set) var offset: UInt64

    package init(_ output: AttemptOutput, _ stream: OutputStream, from offset: UInt64 = 0) {
        self.output = output
        self.stream = stream
        self.offset = offset
    }

    package mutating func next() throws(OutputLogError) -> OutputPiece? {
        let piece: OutputPiece
        switch try output.read(stream, from: offset, count: largestPiece) {
        case .data(let bytes, let at): piece = .data(stream, bytes, offset: at)
        case .gap(let from, let to): piece = .gap(stream, from: from, to: to)
        case .end: return nil
        }
        offset = piece.end
        return piece
    }
}
