import OutputLog
import ShepherdProtocol
import Testing

@Suite struct TextTests {
    static let emoji = "a\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}é€𝄞\u{0301}z\n"

    @Test func emojiSurviveEveryCut() {
        let bytes = Bytes(Self.emoji.utf8)
        for first in 0...bytes.count {
            for second in first...bytes.count {
                var repair = UTF8Repair()
                let text =
                    repair.decode(Bytes(bytes[..<first])) + repair.decode(Bytes(bytes[first..<second]))
                    + repair.decode(Bytes(bytes[second...])) + repair.finish()
                #expect(text.utf8.elementsEqual(bytes), "cut at \(first) and \(second)")
                #expect(!repair.isLossy)
            }
        }
    }

    /// From The Unicode Standard 16, tables 3-8 to 3-11, and beyond.
    @Test(
        arguments: [
            (
                [0xC0, 0xAF, 0xE0, 0x80, 0xBF, 0xF0, 0x81, 0x82, 0x41],
                "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}A"
            ),
            (
                [0xED, 0xA0, 0x80, 0xED, 0xBF, 0xBF, 0xED, 0xAF, 0x41],
                "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}A"
            ),
            (
                [0xF4, 0x91, 0x92, 0x93, 0xFF, 0x41, 0x80, 0xBF, 0x42],
                "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}A\u{FFFD}\u{FFFD}B"
            ),
            ([0xE1, 0x80, 0xE2, 0xF0, 0x91, 0x92, 0xF1, 0xBF, 0x41], "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}A"),
            ([0xF0, 0x9F, 0x98], "\u{FFFD}"),
            ([0x00, 0x9B, 0x41], "\0\u{FFFD}A"),
        ] as [(Bytes, String)])
    func illFormedBytesBecomeOneReplacementForEachMaximalSubpart(bytes: Bytes, expected: String) {
        for cut in 0...bytes.count {
            var repair = UTF8Repair()
            let text = repair.decode(Bytes(bytes[..<cut])) + repair.decode(Bytes(bytes[cut...])) + repair.finish()
            #expect(Array(text.unicodeScalars) == Array(expected.unicodeScalars), "cut at \(cut)")
            #expect(repair.isLossy)
        }
    }

    @Test(arguments: 0..<50)
    func theTextNeverDependsOnTheCuts(seed: UInt64) {
        var generator = SeededGenerator(seed)
        let interesting: Bytes = [
            0x41, 0x80, 0xBF, 0xC2, 0xE0, 0xA0, 0xED, 0x9F, 0xF0, 0x90, 0xF4, 0x8F, 0xFF, 0xE2, 0x82, 0xAC,
        ]
        let bytes = (0..<200).map { _ in interesting.randomElement(using: &generator)! }
        var repair = UTF8Repair()
        var text = ""
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(Int.random(in: 1...7, using: &generator))
            text += repair.decode(Bytes(part))
            rest = rest.dropFirst(part.count)
        }
        text += repair.finish()
        #expect(Array(text.unicodeScalars) == Array(String(decoding: bytes, as: UTF8.self).unicodeScalars))
    }

    @Test func halvesOnEitherSideOfAGapAreLeftOut() {
        let euro = Bytes("€".utf8)
        for left in 0...3 {
            for right in 0...3 {
                var repair = UTF8Repair()
                var text = repair.decode(Bytes("a".utf8) + euro.prefix(left))
                let dropped = repair.cut()
                text += repair.decode(Bytes(euro.suffix(3 - right)) + Bytes("b".utf8)) + repair.finish()
                #expect(dropped == (left == 3 ? 0 : left))
                #expect(text == "a" + (left == 3 ? "€" : "") + (right == 0 ? "€" : "") + "b")
                #expect(!repair.isLossy)
            }
        }
    }

    @Test func aWindowMovesToWholeCharactersAndSaysWhichBytesItTells() {
        let bytes = Bytes("x😀y😀z".utf8)
        for start in 0...bytes.count {
            for end in start...bytes.count {
                let window = TextWindow(
                    Bytes(bytes[start..<end]), offset: UInt64(start), startIsCut: start > 0, endIsCut: end < bytes.count
                )
                #expect(!window.isLossy)
                #expect(
                    Bytes(window.text.utf8) == Bytes(bytes[Int(window.range.lowerBound)..<Int(window.range.upperBound)])
                )
                #expect(window.range.lowerBound - UInt64(start) <= 3 && UInt64(end) - window.range.upperBound <= 3)
            }
        }
    }

    @Test(arguments: [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\u{1B}[31mred\u{1B}[0m", "␛[31mred␛[0m"),
        ("\u{9B}31m", "<U+009B>31m"),
        ("title\u{1B}]0;x\u{07}", "title␛]0;x␇"),
        ("safe\rrm -rf", "safe␍rm -rf"),
        ("line\r\nnext\r", "line\nnext␍"),
        ("abc\u{202E}cba\u{2066}x\u{200F}", "abc<U+202E>cba<U+2066>x<U+200F>"),
        ("\u{7F}\u{08}\0", "␡␈␀"),
        ("\u{2028}\u{E0041}", "<U+2028><U+E0041>"),
        ("👨‍👩‍👧 é € \u{FFFD}", "👨‍👩‍👧 é € \u{FFFD}"),
    ])
    func nothingThatActsOnATerminalGetsThrough(text: String, expected: String) {
        for cut in 0...text.unicodeScalars.count {
            let scalars = Array(text.unicodeScalars)
            var safe = TerminalSafe()
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars[..<cut])
            var rest = String.UnicodeScalarView()
            rest.append(contentsOf: scalars[cut...])
            let result = safe.clean(String(view)) + safe.clean(String(rest)) + safe.finish()
            #expect(Array(result.unicodeScalars) == Array(expected.unicodeScalars), "cut at \(cut)")
        }
    }
}

@Suite struct OutputTextTests {
    @Test func streamsDoNotCutEachOthersCharacters() {
        let euro = Bytes("€".utf8)
        var text = OutputText(isForTerminal: true)
        var shown = text.text(.data(.stdout, Bytes(euro[..<1]), offset: 0))
        shown += text.text(.data(.stderr, Bytes("\u{1B}x\r".utf8), offset: 0))
        shown += text.text(.data(.stdout, Bytes(euro[1...]), offset: 1))
        shown += text.text(.data(.stderr, Bytes("\n".utf8), offset: 3))
        #expect(shown == "␛x€\n")
        shown = text.text(.data(.stdout, Bytes(euro[..<2]), offset: 3))
        shown += text.text(.gap(.stdout, from: 5, to: 90))
        shown += text.text(.data(.stdout, Bytes(euro[2...] + [0x41, 0xE2]), offset: 90))
        #expect(shown == "A")
        #expect(text.finish() == "\u{FFFD}")
        #expect(text.finish() == "")
        var plain = OutputText(isForTerminal: false)
        #expect(plain.text(.data(.stdout, Bytes("\u{1B}[1m\r".utf8), offset: 0)) == "\u{1B}[1m\r")
    }
}
