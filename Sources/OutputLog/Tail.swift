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
