import OutputLog
import ShepherdProtocol
import Testing

@Suite struct TailTests {
    @Test(
        arguments: [
            ("", 3, 0), ("a", 1, 0), ("a\n", 1, 0), ("a\nb", 1, 2), ("a\nb\n", 1, 2), ("a\nb\nc\n", 2, 2),
            ("a\nb\nc", 2, 2),
            ("\n\n\n", 2, 1), ("a\nb\n", 9, 0), ("a\nb\n", 0, 4), ("a\nb", -1, 3),
        ] as [(String, Int, UInt64)])
    func lastLines(text: String, lines: Int, expected: UInt64) throws {
        let writer = ReferenceWriter(head: 100, tail: 0)
        if !text.isEmpty { writer.write(Bytes(text.utf8)) }
        #expect(try writer.open().tailStart(.stdout, lines: lines) == expected)
    }

    /// Against the plain array of what is kept, with caps that put a gap anywhere.
    @Test(arguments: 0..<60)
    func lastLinesOfWhatIsKept(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        let head = UInt64.random(in: 0...90_000, using: &generator)
        let tail = UInt64.random(in: 0...90_000, using: &generator)
        let writer = ReferenceWriter(head: head, tail: tail)
        let size = Int.random(in: 1...250_000, using: &generator)
        let oneIn = Int.random(in: 2...5_000, using: &generator)
        let bytes = (0..<size).map { _ in Int.random(in: 0..<oneIn, using: &generator) == 0 ? UInt8(ascii: "\n") : 0x61
        }
        writer.write(bytes)
        let kept = ReadingTests.kept(head, tail, UInt64(size)).ranges.flatMap { Array($0) }
        let starts = kept.filter { $0 == 0 || bytes[Int($0) - 1] == UInt8(ascii: "\n") }
        for lines in [1, 2, 10, 100] {
            let start = try writer.open().tailStart(.stdout, lines: lines)
            let found = kept.filter { $0 >= start }
            // A line that begins in the gap is not counted as one; so only what is found may be asked for.
            let newlines = found.dropLast().filter { bytes[Int($0)] == UInt8(ascii: "\n") }.count
            #expect(newlines < lines)
            if newlines + 1 < lines {
                #expect(start == 0)
            } else {
                #expect(start == 0 || starts.contains(start) || bytes[Int(start) - 1] == 10)
            }
        }
    }
}

@Suite struct InterleavedTailTests {
    @Test(arguments: [
        (0, ""), (1, "e5\n"), (2, "o4\ne5\n"), (3, "o3\no4\ne5\n"), (6, "o0\ne1\ne2\no3\no4\ne5\n"),
        (99, "o0\ne1\ne2\no3\no4\ne5\n"),
    ])
    func lastLinesOfBothTogether(lines: Int, expected: String) throws {
        let writer = ReferenceWriter(head: 1_000, tail: 0)
        for line in ["o0", "e1", "e2", "o3", "o4", "e5"] {
            writer.write(Bytes("\(line)\n".utf8), to: line.hasPrefix("o") ? .stdout : .stderr)
        }
        let last = try InterleavedReader.last(lines: lines, of: writer.open())
        var reader = last.reader
        var text = OutputText(isForTerminal: false)
        #expect(last.pieces.map { text.text($0) }.joined() == expected)
        writer.write(Bytes("later".utf8), to: .stderr)
        let later = try reader.next()
        #expect(later == .data(.stderr, Bytes("later".utf8), offset: 9))
        #expect(try reader.next() == nil)
    }
}
