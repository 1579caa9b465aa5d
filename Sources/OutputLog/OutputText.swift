import ShepherdProtocol

/// Pieces of both streams as text: each stream decoded for itself, so that neither cuts the other's characters.
package struct OutputText: Sendable {
    private struct Stream {
        var repair = UTF8Repair()
        var safe = TerminalSafe()
    }

    private let isForTerminal: Bool
    private var streams: [OutputStream: Stream] = [:]

    /// - Parameter isForTerminal: whether control sequences have to be made harmless.
    package init(isForTerminal: Bool) {
        self.isForTerminal = isForTerminal
    }

    /// The text that became complete with this piece; a gap has none, and halves of characters beside it are left out.
    package mutating func text(_ piece: OutputPiece) -> String {
        var stream = streams[piece.stream, default: Stream()]
        defer { streams[piece.stream] = stream }
        switch piece {
        case .data(_, let bytes, _): return shown(stream.repair.decode(bytes), &stream)
        case .gap:
            stream.repair.cut()
            return ""
        }
    }

    /// What both streams still held back.
    package mutating func finish() -> String {
        var text = ""
        for name in OutputStream.allCases {
            guard var stream = streams[name] else { continue }
            text += shown(stream.repair.finish(), &stream) + stream.safe.finish()
        }
        streams = [:]
        return text
    }

    private func shown(_ text: String, _ stream: inout Stream) -> String {
        isForTerminal ? stream.safe.clean(text) : text
    }
}
