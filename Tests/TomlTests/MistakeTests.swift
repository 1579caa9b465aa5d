import Testing
import Toml

@Suite struct MistakeTests {
    /// Ordinary typing mistakes, among them such as have brought other parsers down: headers that are none, values that begin
    /// with what ends one.
    @Test(arguments: [
        "[.x]", "[ = 3", "[@x]", "[", "[[", "[[ .x]]", "[é]", "  [ ?", "[]", "[[]]", "[x", "[x]]", "[\"", "[a.]",
        "[a..b]", "[[x]]", "[x] y = 1", "]", "}", ",", "x", "x =", "x = ,", "x = ]", "x = }", "x = )", "x = #",
        "x = =", "x = {a = }", "x = {a = ,}", "x = {a}", "x = {a = 1", "x = {a = 1,}", "x = [,]", "x = [1 2]",
        "x = [}", "x = {]", "x = {,}", "x = \"a", "x = 'a", "x = \"\\q\"", "x = \"\\u12\"", "x = \"\\ud800\"",
        "x = \"\\u0000\"",
        "x = '''a'''", "x = \"\"\"a\"\"\"", "x = 01", "x = 1__0", "x = _1", "x = 1_", "x = 0x", "x = +-1", "x = 1e",
        "x = .5", "x = 5.", "x = 9223372036854775808", "x = 1979-05-27", "x = yes", "x = nan", "x = True", "= 1",
        "a..b = 1", ".a = 1", "a. = 1", "a b = 1", "x = true false", "x = \u{7f}", "\u{0}", "x = 1 \u{0}", "# \u{1}",
        "\rx", "x = 1\ry = 2", "é = 1", "\u{feff}x = 1", "x := 1", "x: 1",
    ])
    func isRefusedWithItsLine(mistake: String) {
        let error = #expect(throws: TomlError.self) { try TomlParser.parse("a1 = 1\n\n\(mistake)") }
        // Where it could go on in a further line, it is missing there.
        #expect(error?.line == 3)
        #expect(error?.message.isEmpty == false)
        let followed = #expect(throws: TomlError.self) { try TomlParser.parse("a1 = 1\n\n\(mistake)\nb1 = 1\n") }
        #expect((3...4).contains(followed?.line ?? 0))
    }

    @Test(arguments: [
        ("x = tru", "'tru'"), ("x = 5m", "'5m'"), ("x 1", "'1'"), ("[x", "end of the file"),
        ("x = 9223372036854775808", "64 bits"), ("x = -99999999999999999999", "64 bits"), ("x = 00", "needs quotes"),
    ])
    func sentenceSaysWhatWasFound(mistake: String, found: String) {
        let error = #expect(throws: TomlError.self) { try TomlParser.parse(mistake) }
        #expect(error?.message.contains(found) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("x = tru", "x"), ("[a]\nb = [1", "a.b"), ("[a.b]\nc.d = {e = }", "a.b.c.d"), ("a = 1\na = 2", "a"),
        ("[a]\n[a]", "a"), ("[[a.b]]", "a.b"), ("= 1", ""), ("[x", ""),
    ])
    func theKeyIsNamed(mistake: String, key: String) {
        let error = #expect(throws: TomlError.self) { try TomlParser.parse(mistake) }
        #expect(error?.key == key)
    }

    /// A file of a quarter of a megabyte; when every key copied the table around it, this took minutes.
    @Test(.timeLimit(.minutes(1)), arguments: ["a", "[x.y.a", "x.y.a"])
    func manyKeysTakeNoLonger(beginning: String) throws {
        let lines = (0..<20_000).map { beginning + String($0) + (beginning.hasPrefix("[") ? "]" : " = 1") }
        let clock = ContinuousClock()
        let few = try clock.measure { _ = try TomlParser.parse(lines[..<2_000].joined(separator: "\n")) }
        let many = try clock.measure { _ = try TomlParser.parse(lines.joined(separator: "\n")) }
        // Ten times as much; a hundred times as long is what copying takes.
        #expect(many < max(few, .milliseconds(5)) * 40)
    }

    @Test(arguments: ["[", "{a=", "a.", "[a.", "x = [", "x = {a = "])
    func deepNestingIsRefused(opening: String) {
        let deep = String(repeating: opening, count: 100_000)
        #expect(throws: TomlError.self) { try TomlParser.parse("x = " + deep) }
        #expect(throws: TomlError.self) { try TomlParser.parse(deep) }
    }

    /// Any text whatever is read or refused with one of its own lines.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func noTextStopsTheReader(seed: UInt64) {
        var random = SeededGenerator(state: seed)
        let pieces = [
            "[", "]", "{", "}", "=", ",", ".", "\"", "'", "\\", "#", "\n", "\r\n", "\r", "\t", " ", "x", "y", "1", "-",
            "_",
            "true", "0x", "e", ":", "\u{0}", "\u{7f}", "é", "😀", "\\u00e9", "x = ", "[x]\n", "x.y = 1\n",
        ]
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &random)]
            }.joined()
            do throws(TomlError) {
                let table = try TomlParser.parse(text)
                #expect(table.entries.isEmpty || text.contains("=") || text.contains("["))
            } catch {
                let lines = text.utf8.count { $0 == UInt8(ascii: "\n") } + 1
                #expect((1...lines).contains(error.line), "\(text.debugDescription)")
            }
        }
    }
}

/// SplitMix64: the same sequence for the same seed.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
