import OutputLog
import ShepherdProtocol
import Testing

/// What a whole pass over one stream gave, as plain values.
struct Pass: Equatable {
    var bytes = Bytes()
    var gaps: [Range<UInt64>] = []
    var offsets: [Range<UInt64>] = []

    init(_ cursor: some OutputCursor, of stream: OutputStream = .stdout) throws {
        var cursor = cursor
        while let piece = try cursor.next() {
            guard piece.stream == stream else { continue }
            switch piece {
            case .data(_, let data, let offset):
                bytes += data
                offsets.append(offset..<(offset + UInt64(data.count)))
            case .gap(_, let from, let to): gaps.append(from..<to)
            }
        }
    }
}

@Suite struct ReadingTests {
    /// The plain array that the layout has to agree with: what is kept of `total` bytes.
    static func kept(_ head: UInt64, _ tail: UInt64, _ total: UInt64) -> (ranges: [Range<UInt64>], gap: Range<UInt64>?)
    {
        if total <= head + tail { return ([0..<total], nil) }
        return ([0..<head, (total - tail)..<total], head..<(total - tail))
    }

    @Test(arguments: [0, 1, 2, 3, 7, 8, 9, 4096], [0, 1, 2, 3, 7, 8, 9, 4096] as [UInt64])
    func everyTotalAroundTheEdges(head: UInt64, tail: UInt64) throws {
        let edges = [0, 1, head, head + tail, head + 2 * tail, head + 3 * tail, 2 * (head + tail)]
        let totals = Set(edges.flatMap { edge in (edge < 2 ? 0 : edge - 2)...(edge + 2) })
        for total in totals.sorted() {
            let writer = ReferenceWriter(head: head, tail: tail)
            var generator = SeededGenerator(total &+ head &* 31 &+ tail &* 1009)
            var at: UInt64 = 0
            while at < total {
                let next = min(total, at + UInt64.random(in: 1...5_000, using: &generator))
                writer.write(pattern(at..<next))
                at = next
            }
            writer.close()
            let output = try writer.open()
            let expected = Self.kept(head, tail, total)
            let pass = try Pass(StreamCursor(output, .stdout))
            #expect(pass.bytes == expected.ranges.flatMap { pattern($0) }, "total \(total)")
            #expect(pass.gaps == (expected.gap.map { [$0] } ?? []), "total \(total)")
            #expect(try output.header().closed)
            #expect(try output.header().total(.stdout) == total)
        }
    }

    @Test(arguments: 0..<40)
    func anyReadAgreesWithThePlainArray(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        let head = UInt64.random(in: 0...300, using: &generator)
        let tail = UInt64.random(in: 0...300, using: &generator)
        let writer = ReferenceWriter(head: head, tail: tail)
        let output = try writer.open()
        var total: UInt64 = 0
        for _ in 0..<30 {
            let next = total + UInt64.random(in: 1...90, using: &generator)
            writer.write(pattern(total..<next))
            total = next
            for _ in 0..<20 {
                let from = UInt64.random(in: 0...(total + 3), using: &generator)
                let count = Int.random(in: 1...700, using: &generator)
                let gap = Self.kept(head, tail, total).gap
                switch try output.read(.stdout, from: from, count: count) {
                case .end: #expect(from >= total)
                case .gap(let start, let end):
                    #expect(start == from)
                    #expect(gap?.contains(from) == true && end == gap?.upperBound)
                case .data(let bytes, let offset):
                    #expect(offset == from && !bytes.isEmpty && bytes.count <= count)
                    let read = from..<(from + UInt64(bytes.count))
                    #expect(bytes == pattern(read))
                    #expect(gap.map { !$0.overlaps(read) } ?? true)
                    let readable = gap.map { from < $0.lowerBound ? $0.lowerBound : total } ?? total
                    #expect(read.upperBound == min(readable, from + UInt64(count)))
                }
            }
        }
    }

    @Test func anAnnouncedWriteMakesWhatItOverwritesAGap() throws {
        let writer = ReferenceWriter(head: 10, tail: 100)
        writer.write(pattern(0..<110))
        let output = try writer.open()
        #expect(try output.read(.stdout, from: 10, count: 100) == .data(pattern(10..<110), offset: 10))
        writer.beginWrite(Bytes(repeating: 0, count: 30))
        #expect(try output.read(.stdout, from: 10, count: 100) == .gap(from: 10, to: 40))
        #expect(try output.read(.stdout, from: 0, count: 100) == .data(pattern(0..<10), offset: 0))
        #expect(try output.read(.stdout, from: 40, count: 100) == .data(pattern(40..<110), offset: 40))
        #expect(try output.read(.stderr, from: 0, count: 1) == .end)
    }

    @Test func bytesThatWereOnlyCountedAreAGap() throws {
        let writer = ReferenceWriter(head: 100, tail: 100)
        writer.write(pattern(0..<50))
        writer.lose(70)
        let output = try writer.open()
        var pass = try Pass(StreamCursor(output, .stdout))
        #expect(pass.bytes == pattern(0..<50) && pass.gaps == [50..<120])
        writer.lose(1_000)
        pass = try Pass(StreamCursor(output, .stdout))
        #expect(pass.bytes == pattern(0..<50), "nothing of a ring may be taken for the bytes that were lost")
    }

    @Test(arguments: [
        Bytes(), Bytes(repeating: 0, count: 63), Bytes(repeating: 0xFF, count: 64),
        OutputIndexHeader(layout: CaptureLayout(head: .max, tail: 2)).encoded,
        OutputIndexHeader(layout: CaptureLayout(head: 1, tail: .max)).encoded,
    ])
    func anImpossibleIndexIsAnErrorAndNeverACrash(bytes: Bytes) throws {
        let writer = ReferenceWriter(head: 1, tail: 1)
        writer.overwriteIndex(bytes)
        let file = "\(writer.directory)/output.idx"
        #expect(throws: bytes.count < 64 ? OutputLogError.notThere(file: file) : .malformed(file: file)) {
            try writer.open()
        }
    }

    @Test func missingFilesSaySo() {
        #expect(throws: OutputLogError.notThere(file: "/nonexistent/output.idx")) {
            try AttemptOutput(directory: "/nonexistent")
        }
    }
}
