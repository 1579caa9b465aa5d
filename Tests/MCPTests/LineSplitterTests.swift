import Testing

@testable import MCP

@Suite struct LineSplitterTests {
    private func split(_ bytes: [UInt8], most: Int, at cuts: [Int]) -> [LineSplitter.Line] {
        var splitter = LineSplitter(most: most)
        var lines: [LineSplitter.Line] = []
        var start = 0
        for cut in cuts + [bytes.count] {
            bytes[start..<cut].withUnsafeBytes { splitter.feed($0) { lines.append($0) } }
            start = cut
        }
        splitter.end { lines.append($0) }
        return lines
    }

    private func line(_ text: String) -> LineSplitter.Line { .line(Array(text.utf8)) }

    @Test func linesEndWithLineFeeds() {
        let bytes = Array("a\r\n\n\r\nb\rc\n\r\r\nd\u{2028}e\u{85}f\nlast".utf8)
        let expected = [line("a"), line("b\rc"), line("\r"), line("d\u{2028}e\u{85}f"), line("last")]
        #expect(split(bytes, most: 100, at: []) == expected)
        for cut in 0...bytes.count { #expect(split(bytes, most: 100, at: [cut]) == expected) }
        #expect(split(bytes, most: 100, at: Array(0...bytes.count)) == expected)
    }

    @Test func longLinesAreLeftOut() {
        let bytes = Array("12345\n123456\n12345\r\n1234567890\n1\n123456\r\n12345\r".utf8)
        let expected = [line("12345"), .tooLong, line("12345"), .tooLong, line("1"), .tooLong, line("12345")]
        for cut in 0...bytes.count { #expect(split(bytes, most: 5, at: [cut]) == expected, "cut at \(cut)") }
        #expect(split(bytes, most: 5, at: Array(0...bytes.count)) == expected)
    }

    @Test(arguments: 0..<100) func cutsDoNotMatter(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bytes = (0..<200).map { _ -> UInt8 in [0x0a, 0x0d, 0x61, 0x62].randomElement(using: &generator) ?? 0 }
        let cuts = (0..<Int.random(in: 0..<20, using: &generator))
            .map { _ in Int.random(in: 0...bytes.count, using: &generator) }.sorted()
        let most = Int.random(in: 1...8, using: &generator)
        #expect(split(bytes, most: most, at: cuts) == split(bytes, most: most, at: []), "seed \(seed)")
    }
}
