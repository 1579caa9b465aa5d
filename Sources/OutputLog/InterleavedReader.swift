package import ShepherdProtocol

/// Both streams in the order in which they were read from the worker, rebuilt from the index's records.
///
/// Records only give the order. Which bytes were handed out is counted per stream, so a record that was lost, torn or never
/// written can put bytes a little out of order, but can neither drop nor repeat one.
package struct InterleavedReader: OutputCursor {
    package let output: AttemptOutput
    /// The stream offset up to which everything was handed out.
    private var position: [OutputStream: UInt64]
    private var number: UInt64 = 0

    /// - Parameter offsets: where to begin in each stream; a stream that is not named begins at 0.
    package init(_ output: AttemptOutput, from offsets: [OutputStream: UInt64] = [:]) {
        self.output = output
        position = offsets
    }

    /// Where to go on later.
    package func offset(_ stream: OutputStream) -> UInt64 { position[stream, default: 0] }

    package mutating func next() throws(OutputLogError) -> OutputPiece? {
        let header = try output.header()
        while number < header.records {
            number = Self.oldestKept(from: number, records: header.records)
            guard let record = try output.record(number) else {
                // The last record may be written at this moment; what it covers is handed out below either way.
                if number + 1 == header.records { break }
                number += 1
                continue
            }
            let total = header.total(record.stream)
            let end = min(record.offset + UInt64(record.count), total)
            if offset(record.stream) < end { return try piece(record.stream, upTo: end) }
            // Only a record that has a successor has stopped growing.
            if number + 1 == header.records { break }
            number += 1
        }
        for stream in OutputStream.allCases where offset(stream) < header.total(stream) {
            return try piece(stream, upTo: header.total(stream))
        }
        return nil
    }

    /// The first record from `number` on whose slot was not yet taken by a later one.
    private static func oldestKept(from number: UInt64, records: UInt64) -> UInt64 {
        guard number >= OutputIndexRecord.headSlots, records > OutputIndexRecord.ringSlots else { return number }
        return max(number, max(OutputIndexRecord.headSlots, records - OutputIndexRecord.ringSlots))
    }

    private mutating func piece(_ stream: OutputStream, upTo end: UInt64) throws(OutputLogError) -> OutputPiece? {
        let count = Int(min(end - offset(stream), UInt64(largestPiece)))
        let piece: OutputPiece
        switch try output.read(stream, from: offset(stream), count: count) {
        case .data(let bytes, let at): piece = .data(stream, bytes, offset: at)
        case .gap(let from, let to): piece = .gap(stream, from: from, to: to)
        case .end: return nil
        }
        position[stream] = piece.end
        return piece
    }
}
