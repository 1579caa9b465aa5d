import Testing
import Toml

@testable import MCPClients

private let table = ["mcp_servers", "claudine"]

private func appending(_ text: String) throws -> String {
    let bytes = Array(text.utf8)
    let edit = try TomlEdit(bytes, table: table)
    return String(
        decoding: edit.appending([("command", "\"/bin/x\""), ("args", "[\"mcp\"]")]).applied(to: bytes), as: UTF8.self)
}

private func removing(_ text: String) throws -> String {
    let bytes = Array(text.utf8)
    return String(decoding: try TomlEdit(bytes, table: table).removing().applied(to: bytes), as: UTF8.self)
}

@Suite struct TomlEditTests {
    /// What others write into their files, much of which no file of ours may have.
    private static let pieces = [
        "model = \"gpt\"", "notify = [\"a\", # why\n  \"]\",\n]", "when = 1979-05-27 07:32:00Z", "x.y.z = 0x1f",
        "text = \"\"\"\n[mcp_servers.claudine]\n\\\"\"\"\"\"\"", "raw = '''\n[not]\n'''''", "# [mcp_servers.claudine]",
        "",
        "inline = { a = 1, b = { c = [1, 2] } } # end", "inf = +inf", "\"a b\".'c d' = 1_000.5e-3",
    ]
    private static let tables = [
        "[mcp_servers]", "[mcp_servers.other]\ncommand = \"c\"", "[projects.\"/a/b.c\"]\ntrust = true",
        "[[hooks]]\nx = 1",
        "[ spaced . out ] # and remarked", "[mcp_servers.\"claudine 2\"]\nurl = \"u\"",
        "[a.mcp_servers.claudine]\nx = 1",
    ]

    @Test func nothingElseChanges() throws {
        var random = SplitMix(state: 20_261_124)
        for _ in 0..<3000 {
            var pieces = Self.pieces.shuffled(using: &random).prefix(Int.random(in: 0...5, using: &random)).map(\.self)
            pieces += Self.tables.shuffled(using: &random).prefix(Int.random(in: 0...4, using: &random))
            var before = pieces.joined(separator: random.isOneOf(2) ? "\n" : "\n\n")
            if random.isOneOf(2), !before.isEmpty { before += "\n" }
            if random.isOneOf(3) { before = before.replacing("\n", with: "\r\n") }
            if random.isOneOf(9) { before = "\u{feff}" + before }
            let after = try appending(before)
            #expect(after.utf8.starts(with: before.utf8))
            let values = try TomlEdit(Array(after.utf8), table: table).values()
            #expect(values?["command"]?.string == "/bin/x", "\(before)")
            guard try removing(after) == before else {
                Issue.record("not as before:\n\(before)\n--\n\(after)\n--\n\(try removing(after))")
                return
            }
        }
    }

    @Test func itsTablesGoWithIt() throws {
        let text =
            "a = 1\n\n[mcp_servers.claudine]\ncommand = \"x\" # c\n\n[b]\nc = 1\n\n[mcp_servers.claudine.env]\nE = \"1\"\n# of d\n[d]\n"
        #expect(try removing(text) == "a = 1\n\n[b]\nc = 1\n# of d\n[d]\n")
    }

    @Test func onlyWhatDiffersIsWritten() throws {
        let text = Array("[mcp_servers.claudine]\nargs = [ 'a',\n 'b' ] # c\nenabled = false\n".utf8)
        let edit = try TomlEdit(text, table: table)
        #expect(
            String(decoding: edit.setting("args", to: "[]").applied(to: text), as: UTF8.self)
                == "[mcp_servers.claudine]\nargs = [] # c\nenabled = false\n")
        #expect(
            String(decoding: edit.setting("command", to: "'x'").applied(to: text), as: UTF8.self).hasPrefix(
                "[mcp_servers.claudine]\ncommand = 'x'\nargs = ["))
    }

    @Test(arguments: [
        ("a = 1\nmcp_servers = {}", 2), ("[mcp_servers]\nclaudine = { command = 'x' }", 2), ("[[mcp_servers]]", 1),
        ("mcp_servers.claudine.command = 'x'", 1), ("[mcp_servers]\nclaudine.command = 'x'", 2),
        ("[mcp_servers.claudine]\n[mcp_servers.claudine]", 2), ("[[mcp_servers.claudine]]", 1),
        ("mcp_servers.claudine = 1", 1), ("mcp_servers = 1", 1), ("[x\n", 1), ("\nx", 2), ("x = ", 1), ("x = yes", 1),
        ("x = \"a\nb\"", 1), ("x = '''\n", 1), ("x = [1,\n\n}", 3), ("x = {a = 1", 1), ("x = 1 y = 2", 1), ("= 1", 1),
        ("\n[a]]", 2), ("x = \"\\", 1), ("\"\\q\" = 1", 1), (String(repeating: "x = [", count: 10_000), 1),
        ("\u{1}", 1),
        ("a = 1\rb = 2", 1),
    ])
    func whatCannotBeChangedIsRefusedWithItsLine(text: String, line: Int) throws {
        let error = #expect(throws: SetupError.self) { _ = try appending(text) }
        #expect(error?.line == line, "\(text.prefix(40)): \(error?.message ?? "")")
    }

    @Test func stringsAreReadAsTheyAreWritten() throws {
        for text in ["", "/a b/\"c\"", "\\", "\u{1}\u{7f}\n\t", "é🎉$"] {
            #expect(try TomlParser.parse("x = " + TomlEdit.string(text))["x"]?.string == text)
        }
    }

    @Test func manyStatementsTakeNoLonger() throws {
        let text = Array(String(repeating: "[a]\nb = \"\"\"\nc\"\"\"\n", count: 50_000).utf8)
        let duration = try ContinuousClock().measure { _ = try TomlOutline.read(text) }
        #expect(duration < .seconds(20))
    }
}
