import Glibc
import Testing

@testable import MCP

@Suite struct JSONTests {
    private func read(_ text: String) throws(JSONParser.Failure) -> JSONParser.Reading {
        try JSONParser.read(Array(text.utf8))
    }

    @Test(arguments: [
        ("null", "null"), (" true\t", "true"), ("false", "false"), ("0", "0"), ("-0", "0"), ("-1", "-1"),
        ("9223372036854775807", "9223372036854775807"), ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9.223372036854776e+18"), ("1152921504606846977", "1152921504606846977"),
        ("1.0", "1.0"), ("1e2", "100.0"), ("1E+2", "100.0"), ("1e-2", "0.01"), ("-2.5e3", "-2500.0"),
        ("5e-324", "5e-324"), ("\"\"", "\"\""), (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\u0008\u000c\n\r\t""#),
        (#""\u0041\u00e9\u20ac\ud835\udd4f""#, "\"Aé€𝕏\""), ("\"é€𝕏\"", "\"é€𝕏\""), ("[]", "[]"), ("{}", "{}"),
        ("[ 1 , [ ] , { } ]", "[1,[],{}]"), (#"{ "b" : 1 , "a" : [ { } ] }"#, #"{"b":1,"a":[{}]}"#),
        (#"{"":0}"#, #"{"":0}"#), ("\"\\u0000\"", "\"\\u0000\""), ("\"\u{7f}\u{85}\u{9b}\"", #""\u007f\u0085\u009b""#),
        ("\"\u{2028}\u{2029}\u{202a}\u{a0}\"", "\"\\u2028\\u2029\u{202a}\u{a0}\""),
    ])
    func isReadAndWritten(text: String, written: String) throws {
        let reading = try read(text)
        #expect(reading.isSound)
        #expect(reading.value.text == written)
        #expect(try read(written).value == reading.value)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1",
        "1 2",
        "1e999", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u+123\"", "\"\t\"", "\"\n\"", "'a'", "[",
        "]",
        "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{1:2}", "[1}", "// x", "1 /* x */", "\u{feff}1", "\u{a0}1", "1\u{0}",
        "\u{b}1",
    ])
    func isNoJSON(text: String) {
        #expect(throws: JSONParser.Failure.self) { try read(text) }
    }

    @Test(
        arguments: [
            [0x22, 0xff, 0x22], [0x22, 0xc0, 0xaf, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22],
            [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22],
            [0x22, 0xe2, 0x82, 0x22], [0x22, 0x5c, 0x6e, 0x80, 0x22], [0x7b, 0x22, 0xfe, 0x22, 0x3a, 0x31, 0x7d],
        ] as [[UInt8]])
    func isNoUTF8(bytes: [UInt8]) {
        #expect {
            try JSONParser.read(bytes)
        } throws: { error in
            guard case JSONParser.Failure.invalidUTF8 = error else { return false }
            return true
        }
    }

    @Test(
        arguments: [
            (#"{"a":1,"a":2}"#, ["a"]), (#"{"a":1,"\u0061":2}"#, ["a"]),
            (#"[{"a":{"b":1,"c":2,"b":3}},{"a":1,"a":1}]"#, ["a", "b"]),
            (#"{"a":{"b":1},"b":1}"#, []),
        ] as [(String, Set<String>)])
    func duplicatesAreFound(text: String, names: Set<String>) throws {
        #expect(try read(text).duplicateNames == names)
    }

    @Test(arguments: [
        (#""\ud800""#, "\u{fffd}"), (#""\udc00x""#, "\u{fffd}x"), (#""\ud800\ud800\udc00""#, "\u{fffd}\u{10000}"),
        (#""\ud800\n""#, "\u{fffd}\n"), (#""\ud800\u0041""#, "\u{fffd}A"),
    ])
    func halvesOfPairsAreFound(text: String, value: String) throws {
        let reading = try read(text)
        #expect(reading.hasLoneSurrogate)
        #expect(reading.value == .string(value))
    }

    @Test func depthHasABound() throws {
        let most = JSONParser.mostDepth
        for (open, close) in [("[", "]"), (#"{"a":"#, "}")] {
            let inner = open == "[" ? "" : "1"
            let fits = String(repeating: open, count: most) + inner + String(repeating: close, count: most)
            #expect(try read(fits).isSound)
            #expect(throws: JSONParser.Failure.tooDeep(most)) { try read(open + fits + close) }
        }
        // However deep, it is found out before anything else goes wrong.
        #expect(throws: JSONParser.Failure.tooDeep(most)) { try read(String(repeating: "[", count: 1_000_000)) }
    }

    /// Sixteen times as long takes about sixteen times the processor, not 256 times: the bound lies between.
    @Test(arguments: [
        ("[", "1,", "1]"), ("\"", "x", "\""), ("\"", "\\n", "\""), ("\"", "é", "\""), ("", "1", ""), ("", " ", "1"),
        ("[", "{},", "1]"),
    ])
    func timeIsLinear(begin: String, middle: String, end: String) {
        func seconds(_ count: Int) -> Double {
            let text = Array((begin + String(repeating: middle, count: count) + end).utf8)
            return (0..<3).map { _ in
                let began = processorTime()
                _ = try? JSONParser.read(text)
                return processorTime() - began
            }.min() ?? 0
        }
        #expect(seconds(160_000) < max(seconds(10_000), 0.0005) * 64)
    }

    /// Seconds of the processor that this thread has had: others do not count.
    private func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    @Test(arguments: 0..<50) func whatIsWrittenIsReadAgain(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let value = JSON.random(depth: 5, using: &generator)
            let reading = try JSONParser.read(value.bytes)
            #expect(reading.isSound && reading.value == value, "seed \(seed): \(value.text)")
            #expect(!value.bytes.contains { $0 < 0x20 }, "seed \(seed)")
            #expect(
                try JSONParser.read(value.canonicalBytes).value.canonicalBytes == value.canonicalBytes, "seed \(seed)")
        }
    }

    /// Bytes of a text are lost, added and changed: it is refused, or it is something that can be written and read again.
    @Test(arguments: 0..<30) func damageIsNoHarm(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            var bytes = JSON.random(depth: 4, using: &generator).bytes
            for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes.remove(at: place)
                case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
                default: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                }
            }
            guard let reading = try? JSONParser.read(bytes) else { continue }
            #expect(try JSONParser.read(reading.value.bytes).value == reading.value, "seed \(seed): \(bytes)")
        }
    }

    @Test func membersAreSetAndTakenAway() {
        var value: JSON = ["a": 1]
        value["b"] = 2
        value["a"] = nil
        #expect(value == ["b": 2])
        value = 7
        #expect(value["a"] == nil && value.names == [])
        value["a"] = true
        #expect(value.text == #"{"a":true}"#)
        #expect(JSON.members(["a": nil, "b": 1]).names == ["b"])
        #expect(JSON.number(.infinity).text == "null")
        #expect((["b": 1, "a": 2] as JSON).canonicalBytes == (["a": 2, "b": 1] as JSON).canonicalBytes)
    }
}

extension JSON {
    static func random(depth: Int, using generator: inout SeededGenerator) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
        case 0: return .null
        case 1: return .bool(.random(using: &generator))
        case 2:
            return .integer(Int64(truncatingIfNeeded: generator.next()) >> Int64.random(in: 0..<64, using: &generator))
        case 3: return .number(Double.random(in: -1e9...1e9, using: &generator) + 0.5)
        case 4, 5: return .string(text(using: &generator))
        case 6:
            return .array(
                (0..<Int.random(in: 0..<5, using: &generator)).map { _ in random(depth: depth - 1, using: &generator) })
        default:
            var object: JSON = [:]
            for _ in 0..<Int.random(in: 0..<5, using: &generator) {
                object[text(using: &generator)] = random(depth: depth - 1, using: &generator)
            }
            return object
        }
    }

    private static func text(using generator: inout SeededGenerator) -> String {
        var scalars = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<12, using: &generator) {
            let most: UInt32 = Bool.random(using: &generator) ? 0x7f : 0x10ffff
            if let scalar = Unicode.Scalar(UInt32.random(in: 0...most, using: &generator)) { scalars.append(scalar) }
        }
        return String(scalars)
    }
}
