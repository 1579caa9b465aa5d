import MCP
import OrderedCollections
import Testing

@testable import MCPClients

private let path = ["mcpServers", "claudine"]
private let entry: JSON = ["command": "/usr/bin/claudine", "args": ["mcp"]]

private func setting(_ text: String, hasComments: Bool = true) throws -> String {
    let bytes = Array(text.utf8)
    let after = try JSONEdit(bytes, hasComments: hasComments).setting(path, to: entry).applied(to: bytes)
    return String(decoding: after, as: UTF8.self)
}

private func removing(_ text: String, hasComments: Bool = true) throws -> String {
    let bytes = Array(text.utf8)
    let after = try JSONEdit(bytes, hasComments: hasComments).removing(path).applied(to: bytes)
    return String(decoding: after, as: UTF8.self)
}

@Suite struct JSONEditTests {
    @Test(arguments: [
        (
            "{\n  \"a\": 1\n}\n",
            """
            {
              "a": 1,
              "mcpServers": {
                "claudine": {
                  "command": "/usr/bin/claudine",
                  "args": ["mcp"]
                }
              }
            }

            """
        ),
        (
            "{\n\t\"a\": 1, // one\n}",
            "{\n\t\"a\": 1, // one\n\t\"mcpServers\": {\n\t\t\"claudine\": {\n\t\t\t\"command\": \"/usr/bin/claudine\",\n"
                + "\t\t\t\"args\": [\"mcp\"]\n\t\t}\n\t},\n}"
        ),
        ("{}", "{ \"mcpServers\": {\"claudine\": {\"command\": \"/usr/bin/claudine\", \"args\": [\"mcp\"]}} }"),
        ("{\"a\":1}", "{\"a\":1,\"mcpServers\":{\"claudine\":{\"command\":\"/usr/bin/claudine\",\"args\":[\"mcp\"]}}}"),
        (
            "{\n  \"mcpServers\": {\n    \"x\": {} /* x */ // its\n  }\n}",
            "{\n  \"mcpServers\": {\n    \"x\": {}, /* x */ // its\n    \"claudine\": {\n"
                + "      \"command\": \"/usr/bin/claudine\",\n      \"args\": [\"mcp\"]\n    }\n  }\n}"
        ),
    ])
    func looksLikeItsNeighbours(before: String, after: String) throws {
        #expect(try setting(before) == after)
        #expect(try removing(after) == before)
    }

    @Test(arguments: [
        "{\"mcpServers\":{\"claudine\":1,\"b\":2}}", "{\"mcpServers\":{\"a\":0, \"claudine\":1, \"b\":2}}",
        "{\"mcpServers\":{\"a\":0, \"claudine\":1}}", "{\"mcp\\u0053ervers\":{\"a\":0,\n \"claud\\u0069ne\":1}}",
        "{\n \"mcpServers\": {\n  \"a\": 0,\n  \"claudine\": 1,\n  // of b\n  \"b\": 2\n }\n}",
    ])
    func isTakenOutFromAnywhere(text: String) throws {
        let after = try removing(text)
        let value = try JSONEdit(Array(after.utf8), hasComments: true).value(at: ["mcpServers"])
        #expect(!after.contains("claudine") && after.contains("of b") == text.contains("of b"))
        // With a comment in it, it is no value of ours.
        #expect(text.contains("of b") || value?["claudine"] == nil && value?["a"] ?? value?["b"] != nil)
    }

    @Test(arguments: [
        ("[]", 1), ("{\n\"mcpServers\": 1}", 2), ("{\"mcpServers\":{},\n\"mcpServers\":{}}", 2), ("{\"a\":1", 1),
        ("{\n\"a\" 1}", 2), ("{\"a\":1,,}", 1), ("{\"a\":tru}", 1), ("{'a':1}", 1), ("{\"a\":\"\n\"}", 1),
        ("{\"a\":\"\\x\"}", 1), ("{\"a\":01}", 1), ("{}\n{}", 2), ("{\"a\":[1 2]}", 1), ("/* {}", 1), ("", 1),
        ("{\"a\":\"\\u12g4\"}", 1), ("{\"a\":NaN}", 1), (String(repeating: "[", count: 100_000), 1),
    ])
    func whatCannotBeReadIsRefusedWithItsLine(text: String, line: Int) throws {
        let error = #expect(throws: SetupError.self) { _ = try setting(text) }
        #expect(error?.line == line, "\(text.prefix(40)): \(error?.message ?? "")")
    }

    @Test(arguments: ["{\"a\":1,}", "{\"a\":[1,]}", "// c\n{}", "{/**/}"])
    func strictMeansStrict(text: String) throws {
        #expect(throws: Never.self) { try setting(text) }
        #expect(throws: SetupError.self) { try setting(text, hasComments: false) }
    }

    /// Random texts in random layouts: what is put in is there, everything else is as it was, and it goes without a trace.
    @Test(arguments: [false, true]) func nothingElseChanges(hasComments: Bool) throws {
        var generator = JSONTexts(seed: 20_261_124, hasComments: hasComments)
        for _ in 0..<3000 {
            let before = generator.text()
            let after = try setting(before, hasComments: hasComments)
            let bytes = Array(after.utf8)
            #expect(try JSONEdit(bytes, hasComments: hasComments).value(at: path) == entry, "\(before)")
            #expect(try setting(after, hasComments: hasComments) == after, "\(before)")
            guard try removing(after, hasComments: hasComments) == before else {
                Issue.record(
                    "not as before:\n\(before)\n--\n\(after)\n--\n\(try removing(after, hasComments: hasComments))")
                return
            }
            guard !hasComments else { continue }
            var expected = try JSONParser.read(before.utf8.drop { $0 >= 0x80 }).value
            expected["mcpServers"] = (expected["mcpServers"] ?? [:]).with("claudine", entry)
            #expect(try JSONParser.read(after.utf8.drop { $0 >= 0x80 }).value == expected, "\(before)")
        }
    }
}

extension JSON {
    fileprivate func with(_ name: String, _ value: JSON) -> JSON {
        var copy = self
        copy[name] = value
        return copy
    }
}

/// Texts of objects, some of which have an object "mcpServers", none of which has a member "claudine" in that.
private struct JSONTexts {
    private var random: SplitMix
    private let hasComments: Bool
    private var lineEnd = "\n"
    private var isInline = false
    private var unit = "  "

    init(seed: UInt64, hasComments: Bool) {
        random = SplitMix(state: seed)
        self.hasComments = hasComments
    }

    mutating func text() -> String {
        lineEnd = random.isOneOf(4) ? "\r\n" : "\n"
        unit = ["  ", "\t", "    ", ""].randomElement(using: &random) ?? ""
        isInline = random.isOneOf(4)
        return (random.isOneOf(8) ? "\u{feff}" : "") + remark(own: true) + object(0, names: ["mcpServers"])
            + (random.isOneOf(2) ? lineEnd : "") + remark(own: true)
    }

    private mutating func object(_ depth: Int, names: [String]) -> String {
        let count = Int.random(in: 0...3, using: &random)
        var all = (0..<count).map { "k\($0)" } + names.filter { _ in random.isOneOf(2) }
        all.shuffle(using: &random)
        guard !all.isEmpty else { return ["{}", "{ }", "{\(lineEnd)}", "{}"].randomElement(using: &random) ?? "{}" }
        let isLines = !isInline && !random.isOneOf(5)
        let indent = lineEnd + String(repeating: unit, count: depth + 1)
        let (blank, gap) = random.isOneOf(2) ? ("", "") : (" ", [" ", "  "].randomElement(using: &random) ?? " ")
        var text = "{"
        for (index, name) in all.enumerated() {
            text += isLines ? indent : (index > 0 ? blank : "")
            text += "\"\(name)\"" + (random.isOneOf(9) ? " " : "") + ":" + gap
            text += name == "mcpServers" ? object(depth + 1, names: []) : value(depth + 1)
            if index < all.count - 1 || hasComments && random.isOneOf(4) { text += "," }
            text += remark(own: isLines && (index == all.count - 1 || random.isOneOf(2)))
            if isLines, random.isOneOf(6) { text += lineEnd }
        }
        return text + (isLines ? lineEnd + String(repeating: unit, count: depth) : random.isOneOf(3) ? " " : "") + "}"
    }

    private mutating func value(_ depth: Int) -> String {
        switch Int.random(in: 0..<7, using: &random) {
        case 0 where depth < 4: object(depth, names: [])
        case 1: "[1,\(lineEnd)  \"]\", {\"a\": [] }]"
        case 2: "\"// no \\\"comment\\\" {é\\u00e9\""
        case 3: "-1.5e+3"
        case 4: "null"
        default: "true"
        }
    }

    /// A comment with the end of its line, if there may be one and it needs one.
    private mutating func remark(own: Bool) -> String {
        guard hasComments, random.isOneOf(3) else { return "" }
        return own && random.isOneOf(2) ? " // \"it\", {\(lineEnd)" : " /* }, */"
    }
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func isOneOf(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}
