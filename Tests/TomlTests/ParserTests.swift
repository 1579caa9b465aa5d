import Testing
import Toml

@Suite struct ParserTests {
    @Test(arguments: [
        ("x = \"a\\tb \\u00e9 \\U0001f600 \\\"\"", TomlValue.Kind.string("a\tb é 😀 \"")),
        ("x = 'C:\\n \"'", .string("C:\\n \"")),
        ("x = ''", .string("")),
        ("x = 1_000", .integer(1000)),
        ("x = -7", .integer(-7)),
        ("x = 9223372036854775807", .integer(.max)),
        ("x = 0xff", .integer(255)),
        ("x = 0o17", .integer(15)),
        ("x = 0b101", .integer(5)),
        ("x = 6.5e2", .float(650)),
        ("x = true", .boolean(true)),
        ("\"x\" = false # why", .boolean(false)),
        ("  'x'=1", .integer(1)),
        ("x = []", .array([])),
    ])
    func valuesAreRead(text: String, kind: TomlValue.Kind) throws {
        #expect(try TomlParser.parse(text)["x"]?.kind == kind)
        #expect(try TomlParser.parse(text + "\r\n\r\n")["x"]?.kind == kind)
    }

    @Test func tablesAndDottedKeysNest() throws {
        let root = try TomlParser.parse(
            """
            # what
            a.b = 1
            a.c = { d = "e", f.g = [1, "two", # three
              { h = true },
            ] }

            [i.j]
            k = 2
            [i]
            l = 3
            [ "m n" . o ]
            """)
        #expect(root.entries.keys.sorted() == ["a", "i", "m n"])
        let a = try #require(root["a"]?.table)
        #expect(a["b"]?.integer == 1)
        let list = try #require(a["c"]?.table?["f"]?.table?["g"]?.array)
        #expect(list.map(\.typeName) == ["integer", "string", "table"])
        #expect(list.map(\.line) == [3, 3, 4])
        #expect(root["i"]?.table?["j"]?.table?["k"]?.integer == 2)
        #expect(root["i"]?.table?["l"]?.integer == 3)
        #expect(root["m n"]?.table?["o"]?.table?.entries.isEmpty == true)
    }

    @Test func everythingKnowsItsLine() throws {
        let root = try TomlParser.parse("a = 1\n\n[b]\n# no\nc.d = 2\n")
        #expect(root.line(of: ["a"]) == 1)
        #expect(root.line(of: ["b"]) == 3)
        #expect(root.line(of: ["b", "c", "d"]) == 5)
        // What is missing: the nearest table around it.
        #expect(root.line(of: ["b", "e"]) == 3)
        #expect(root.line(of: ["e"]) == 1)
    }

    @Test(arguments: [
        "a = 1\na = 2", "a = 1\n\"a\" = 2", "a = 1\n[a]", "a = 1\na.b = 2", "a.b = 1\n[a]", "[a]\n[a]",
        "a = {}\na.b = 1", "a = {}\n[a.b]", "a = { b = 1 }\n[a]", "[a]\n[a]\nb = 1",
        "a.b = 1\na.b = 2", "a.b = 1\na.b.c = 2", "a = []\n[a]", "a = 1\nb = { c = 1, c = 2 }",
    ])
    func nothingIsGivenTwice(text: String) {
        let error = #expect(throws: TomlError.self) { try TomlParser.parse(text) }
        #expect(error?.line == 2)
    }
}
