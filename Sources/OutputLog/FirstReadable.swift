import ShepherdProtocol

extension OutputIndexHeader {
    /// Bytes; far above every cap, and small enough that sums of two cannot overflow.
    private static let largestSize: UInt64 = 1 << 62

    /// Could this have been written by a shepherd? A damaged index must not lead to impossible arithmetic.
    var isPossible: Bool {
        [layout.head, layout.tail, stdoutTotal, stderrTotal, records].allSatisfy { $0 <= Self.largestSize }
    }

    /// The first offset at or after the head whose byte is sure to be still there.
    ///
    /// Totals grow only once the data is on disk, so what a write under way may be overwriting is known by its announcement alone.
    func firstReadable(_ stream: OutputStream) -> UInt64 {
        let total = total(stream)
        // Where a write into a ring failed, nobody recorded which of its bytes are old ones.
        if lost, total > layout.head + layout.tail { return total }
        let coming = announcedStream == stream ? min(announcedTotal, Self.largestSize) : 0
        return layout.tailStart(total: max(total, coming))
    }
}
