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
        var current = try readHeader()
        while current.closed {
            let again = try readHeader()
            if again == current { break }
            current = again
        }
        return current
    }

    /// Bytes of `stream` from `offset` on, at most `count` of them, or the gap that begins there.
    ///
    /// What the shepherd may have overwritten while we were reading is reported as a gap.
    package func read(_ stream: OutputStream, from offset: UInt64, count: Int) throws(OutputLogError) -> ReadResult {
        let before = try header()
        let total = before.total(stream)
        guard offset < total, count > 0 else { return .end }
        let head = before.layout.head
        let tailStart = before.firstReadable(stream)
        if offset >= head, offset < tailStart { return .gap(from: offset, to: min(tailStart, total)) }

        let wanted = UInt64(count)
        let readable = offset < head && tailStart > head ? head : total
        let bytes = try bytes(of: stream, before.layout, from: offset, count: min(wanted, readable - offset))
        guard !bytes.isEmpty else { return .gap(from: offset, to: total) }

        let after = try header().firstReadable(stream)
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

    private func readHeader() throws(OutputLogError) -> OutputIndexHeader {
        let bytes = try index.read(at: 0, count: OutputIndexHeader.size)
        guard bytes.count == OutputIndexHeader.size else { throw .notThere(file: indexPath) }
        guard let header = OutputIndexHeader(encoded: bytes), header.isPossible else {
            throw .malformed(file: indexPath)
        }
        return header
    }

    /// The file's bytes for a range that the layout keeps; fewer when the file is shorter than its index says.
    private func bytes(
        of stream: OutputStream, _ layout: CaptureLayout, from offset: UInt64, count: UInt64
    ) throws(OutputLogError) -> Bytes {
        var bytes = Bytes()
        while UInt64(bytes.count) < count {
            let run = layout.run(at: offset + UInt64(bytes.count), count: count - UInt64(bytes.count))
            guard let position = run.position else { break }
            let part =
                stream == .stdout
                ? try stdout.read(at: position, count: Int(run.count))
                : try stderr.read(at: position, count: Int(run.count))
            bytes += part
            if UInt64(part.count) < run.count { break }
        }
        return bytes
    }
}
