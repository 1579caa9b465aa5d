package import ShepherdProtocol

/// What a read at an offset gave.
package enum ReadResult: Equatable, Sendable {
    /// Bytes of the stream, the first of them at `offset`.
    case data(Bytes, offset: UInt64)
    /// The bytes from `from` up to, not including, `to` are not kept.
    case gap(from: UInt64, to: UInt64)
    /// Nothing at or after this offset; more may come while the streams are open.
    case end
}

/// The captured output of one attempt, read while the shepherd may still be writing it.
///
/// Offsets are of the stream and never change; where a byte lies in its file is the layout's business. Totals and `closed`
/// come from the index only, never from file sizes or a task's state.
package final class AttemptOutput: Sendable {
    package let directory: String
    private let index: ReadOnlyFile
    private let stdout: ReadOnlyFile
    private let stderr: ReadOnlyFile

    package var indexPath: String { "\(directory)/output.idx" }

    /// Opens the three files.
    ///
    /// - Throws: `.notThere` until the shepherd has written the index's header, so a follower asks again.
    package init(directory: String) throws(OutputLogError) {
        self.directory = directory
        index = try ReadOnlyFile(path: "\(directory)/output.idx")
        stdout = try ReadOnlyFile(path: "\(directory)/stdout")
        stderr = try ReadOnlyFile(path: "\(directory)/stderr")
        _ = try header()
    }

    /// How far the streams have come.
    ///
    /// A closed header never changes, but it is read in one go with the write that closes it, so it is read until it stands still:
    /// totals that belong to `closed` must be the last ones.
    package func header() throws(OutputLogError) -> OutputIndexHeader {
        try snapshot().header
    }

    /// Bytes of `stream` from `offset` on, at most `count` of them, or the gap that begins there.
    ///
    /// What the shepherd may have overwritten while we were reading is reported as a gap.
    package func read(_ stream: OutputStream, from offset: UInt64, count: Int) throws(OutputLogError) -> ReadResult {
        let before = try snapshot()
        let total = before.header.total(stream)
        guard offset < total, count > 0 else { return .end }
        let head = before.header.layout.head
        let tailStart = before.tailStart(stream)
        if offset >= head, offset < tailStart { return .gap(from: offset, to: min(tailStart, total)) }

        let wanted = UInt64(count)
        let readable = offset < head && tailStart > head ? head : total
        let bytes = try bytes(of: stream, before.header.layout, from: offset, count: min(wanted, readable - offset))
        guard !bytes.isEmpty else { return .gap(from: offset, to: total) }

        let after = try snapshot().tailStart(stream)
        let end = offset + UInt64(bytes.count)
        guard after > head, end > head else { return .data(bytes, offset: offset) }
        if offset < head { return .data(Bytes(bytes.prefix(Int(head - offset))), offset: offset) }
        guard after > offset else { return .data(bytes, offset: offset) }
        return .gap(from: offset, to: min(after, total))
    }

    /// Record `number` as it is in its slot now; nil when it was never written, was overwritten by a later one, or is torn.
    func record(_ number: UInt64) throws(OutputLogError) -> OutputIndexRecord? {
        let bytes = try index.read(at: OutputIndexRecord.position(number), count: OutputIndexRecord.size)
        guard let record = OutputIndexRecord(encoded: bytes), record.number == number,
            !record.offset.addingReportingOverflow(UInt64(record.count)).overflow
        else { return nil }
        return record
    }

    private func snapshot() throws(OutputLogError) -> IndexSnapshot {
        var current = try IndexSnapshot(encoded: index.read(at: 0, count: OutputIndexHeader.size), file: indexPath)
        while current.header.closed {
            let again = try IndexSnapshot(encoded: index.read(at: 0, count: OutputIndexHeader.size), file: indexPath)
            if again == current { break }
            current = again
        }
        return current
    }

    /// The file's bytes for a range that the layout keeps; fewer when the file is shorter than its index says.
    private func bytes(
        of stream: OutputStream, _ layout: CaptureLayout, from offset: UInt64, count: UInt64
    ) throws(OutputLogError) -> Bytes {
        var bytes = Bytes()
        while UInt64(bytes.count) < count {
            let run = layout.run(at: offset + UInt64(bytes.count), count: count - UInt64(bytes.count))
            guard let position = run.position else { break }
            let part = stream == .stdout
                ? try stdout.read(at: position, count: Int(run.count))
                : try stderr.read(at: position, count: Int(run.count))
            bytes += part
            if UInt64(part.count) < run.count { break }
        }
        return bytes
    }
}

/// One reading of the index's header, with what the writer announced in its last word.
///
/// Before the shepherd overwrites bytes of a ring it writes the total that the stream will have afterwards into the word at byte 56
/// (bit 63: the stream). Totals grow only after the data is there, so without it a reader could not know of a write under way.
private struct IndexSnapshot: Equatable {
    let header: OutputIndexHeader
    private let announced: UInt64

    /// Bytes; far above every cap, and small enough that sums of two cannot overflow.
    private static let largestSize: UInt64 = 1 << 62

    init(encoded bytes: Bytes, file: String) throws(OutputLogError) {
        guard bytes.count == OutputIndexHeader.size else { throw .notThere(file: file) }
        guard let header = OutputIndexHeader(encoded: bytes),
            [header.layout.head, header.layout.tail, header.stdoutTotal, header.stderrTotal, header.records]
                .allSatisfy({ $0 <= Self.largestSize })
        else { throw .malformed(file: file) }
        self.header = header
        announced = bytes.word(at: 56)
    }

    /// The first offset at or after the head that is sure to be still there.
    func tailStart(_ stream: OutputStream) -> UInt64 {
        let total = header.total(stream)
        // Where a write failed in a ring, nobody recorded which bytes are the old ones.
        if header.lost, total > header.layout.head + header.layout.tail { return total }
        let mine = announced >> 63 == UInt64(stream.rawValue)
        let coming = mine ? min(announced & (1 << 63 - 1), Self.largestSize) : 0
        return header.layout.tailStart(total: max(total, coming))
    }
}
