package import ShepherdProtocol

extension AttemptOutput {
    /// The stream offset at which the last `lines` lines begin.
    ///
    /// Reads backwards, no further than needed. A last line without a newline counts as one. A gap counts as nothing: lines before
    /// it are taken too when those behind it are too few.
    package func tailStart(_ stream: OutputStream, lines: Int) throws(OutputLogError) -> UInt64 {
        let header = try header()
        let total = header.total(stream)
        guard lines > 0, total > 0 else { return total }
        let head = header.layout.head
        var end = total
        var found = 0
        while end > 0 {
            let floor = end > head ? head : 0
            let start = max(floor, end - min(end, UInt64(largestPiece)))
            var block = try read(stream, from: start, count: Int(end - start))
            if case .gap(_, let to) = block {
                // Begin behind the gap where it ends within this block, before it where it does not.
                guard to < end else {
                    end = min(start, head)
                    continue
                }
                block = try read(stream, from: to, count: Int(end - to))
            }
            guard case .data(let bytes, let offset) = block else { return end }
            for index in bytes.indices.reversed() where bytes[index] == UInt8(ascii: "\n") {
                let next = offset + UInt64(index) + 1
                if next == total { continue }
                found += 1
                if found == lines { return next }
            }
            end = offset > start ? head : start
        }
        return 0
    }
}

extension InterleavedReader {
    /// The last lines of both streams taken together, and the reader that goes on behind them.
    ///
    /// Each stream's own last lines are read, which are enough, and then the surplus is cut off in memory.
    package static func last(
        lines: Int, of output: AttemptOutput
    ) throws(OutputLogError) -> (pieces: [OutputPiece], reader: InterleavedReader) {
        var starts: [OutputStream: UInt64] = [:]
        var ends: [OutputStream: UInt64] = [:]
        let header = try output.header()
        for stream in OutputStream.allCases {
            starts[stream] = try output.tailStart(stream, lines: lines)
            ends[stream] = header.total(stream)
        }
        var reader = InterleavedReader(output, from: starts)
        var pieces: [OutputPiece] = []
        // What comes while we read belongs to whoever goes on with the reader.
        while OutputStream.allCases.contains(where: { reader.offset($0) < ends[$0, default: 0] }) {
            guard let piece = try reader.next() else { break }
            pieces.append(piece)
        }
        return (Self.suffix(of: pieces, lines: lines), reader)
    }

    private static func suffix(of pieces: [OutputPiece], lines: Int) -> [OutputPiece] {
        guard lines > 0 else { return [] }
        var kept: [OutputPiece] = []
        var found = 0
        var isLastByte = true
        for piece in pieces.reversed() {
            guard case .data(let stream, let bytes, let offset) = piece else {
                kept.append(piece)
                continue
            }
            for index in bytes.indices.reversed() {
                defer { isLastByte = false }
                guard bytes[index] == UInt8(ascii: "\n"), !isLastByte else { continue }
                found += 1
                guard found == lines else { continue }
                let rest = Bytes(bytes[(index + 1)...])
                if !rest.isEmpty { kept.append(.data(stream, rest, offset: offset + UInt64(index + 1))) }
                return kept.reversed()
            }
            kept.append(piece)
        }
        return kept.reversed()
    }
}
