/// Which of the worker's two output streams.
package enum OutputStream: UInt8, Sendable, CaseIterable {
    case stdout = 0
    case stderr = 1
}

/// Where a byte of a capped stream lies in its file: the head as it is, then a ring for the tail.
///
/// While a stream is shorter than `head + tail` the file is the stream. Counters are 64-bit and never wrap in practice.
package struct CaptureLayout: Equatable, Sendable {
    /// Bytes; either may be 0.
    package let head: UInt64
    package let tail: UInt64

    package init(head: UInt64, tail: UInt64) {
        self.head = head
        self.tail = tail
    }

    package func stored(total: UInt64) -> UInt64 { total < head + tail ? total : head + tail }
    package func dropped(total: UInt64) -> UInt64 { total - stored(total: total) }

    /// First offset of the tail that is still there once `total` bytes were seen.
    package func tailStart(total: UInt64) -> UInt64 { total <= head + tail ? min(head, total) : total - tail }

    /// The longest run starting at stream offset `offset`, at most `count` bytes, that is contiguous in the file.
    ///
    /// - Returns: the file position (nil where nothing is kept: `tail` is 0 and `offset` lies past the head) and the run's length.
    package func run(at offset: UInt64, count: UInt64) -> (position: UInt64?, count: UInt64) {
        if offset < head { return (offset, min(count, head - offset)) }
        guard tail > 0 else { return (nil, count) }
        let slot = (offset - head) % tail
        return (head + slot, min(count, tail - slot))
    }
}

/// The first 64 bytes of `output.idx`: how the streams are laid out and how far they have come. Native byte order.
package struct OutputIndexHeader: Equatable, Sendable {
    package static let size = 64
    /// "CLOUTIX1".
    package static let magic: UInt64 = 0x3158_4954_554F_4C43

    package var layout: CaptureLayout
    package var stdoutTotal: UInt64 = 0
    package var stderrTotal: UInt64 = 0
    /// Records written so far; record n lies in slot `OutputIndexRecord.slot(n)`.
    package var records: UInt64 = 0
    /// Both streams have ended; nothing will change any more.
    package var closed = false
    /// A write failed (disk full, I/O error): from then on bytes were counted only.
    package var lost = false
    /// The stream whose ring is being overwritten and its total after that, so that a reader can tell which bytes may be
    /// changing under it: totals grow only once the data is there.
    package var announcedStream = OutputStream.stdout
    package var announcedTotal: UInt64 = 0

    package init(layout: CaptureLayout) { self.layout = layout }

    package var encoded: Bytes {
        var bytes = Bytes()
        bytes.reserveCapacity(Self.size)
        for word in [Self.magic, layout.head, layout.tail, stdoutTotal, stderrTotal, records] {
            bytes.append(word: word)
        }
        bytes.append(word: (closed ? 1 : 0) | (lost ? 2 : 0))
        bytes.append(word: announcedTotal | UInt64(announcedStream.rawValue) << 63)
        return bytes
    }

    package init?(encoded bytes: Bytes) {
        guard bytes.count >= Self.size, bytes.word(at: 0) == Self.magic else { return nil }
        layout = CaptureLayout(head: bytes.word(at: 8), tail: bytes.word(at: 16))
        stdoutTotal = bytes.word(at: 24)
        stderrTotal = bytes.word(at: 32)
        records = bytes.word(at: 40)
        closed = bytes.word(at: 48) & 1 != 0
        lost = bytes.word(at: 48) & 2 != 0
        let coming = bytes.word(at: 56)
        announcedStream = coming >> 63 == 0 ? .stdout : .stderr
        announcedTotal = coming & (1 << 63 - 1)
    }

    package func total(_ stream: OutputStream) -> UInt64 { stream == .stdout ? stdoutTotal : stderrTotal }
}

/// One run of bytes of one stream, in the order they were read: what interleaving is rebuilt from. 32 bytes, native byte order.
///
/// A run grows in place while the same stream goes on within 100 ms. The first `headSlots` records stay, later ones share a ring,
/// so a worker that alternates single bytes cannot grow the index beyond 2 MiB.
package struct OutputIndexRecord: Equatable, Sendable {
    package static let size = 32
    package static let headSlots: UInt64 = 16_384
    package static let ringSlots: UInt64 = 49_152

    /// Which record this is, from 0.
    package var number: UInt64
    /// Nanoseconds of CLOCK_BOOTTIME when its first byte was read.
    package var time: UInt64
    package var offset: UInt64
    /// Bytes; a run is closed before it could overflow.
    package var count: UInt32
    package var stream: OutputStream

    package init(number: UInt64, time: UInt64, offset: UInt64, count: UInt32, stream: OutputStream) {
        self.number = number
        self.time = time
        self.offset = offset
        self.count = count
        self.stream = stream
    }

    /// The slot of record `number`; the file position is `OutputIndexHeader.size + slot * size`.
    package static func slot(_ number: UInt64) -> UInt64 {
        number < headSlots ? number : headSlots + (number - headSlots) % ringSlots
    }

    package static func position(_ number: UInt64) -> UInt64 {
        UInt64(OutputIndexHeader.size) + slot(number) * UInt64(size)
    }

    package var encoded: Bytes {
        var bytes = Bytes()
        bytes.reserveCapacity(Self.size)
        bytes.append(word: number)
        bytes.append(word: time)
        bytes.append(word: offset)
        bytes.append(word: UInt64(count) | UInt64(stream.rawValue) << 32 | 0xC1 << 56)
        return bytes
    }

    /// Nil for a slot that was never written or is torn.
    package init?(encoded bytes: Bytes) {
        guard bytes.count >= Self.size else { return nil }
        let last = bytes.word(at: 24)
        guard last >> 56 == 0xC1, let stream = OutputStream(rawValue: UInt8(truncatingIfNeeded: last >> 32)) else {
            return nil
        }
        self.init(
            number: bytes.word(at: 0), time: bytes.word(at: 8), offset: bytes.word(at: 16),
            count: UInt32(truncatingIfNeeded: last), stream: stream)
    }
}

extension Bytes {
    /// Native (little-endian on every machine Claudine runs on) 64-bit words of files that never leave this machine.
    package mutating func append(word: UInt64) {
        var rest = word
        for _ in 0..<8 {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    package func word(at position: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(self[position + index]) << UInt64(8 * index) }
        return value
    }
}
