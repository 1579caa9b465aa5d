import Toml

/// Changes one table of a TOML text and nothing else.
///
/// A table that is new goes to the end, behind an empty line; the last line has an end afterwards if it had one before, so that nothing
/// is left of the table when it is taken out again.
struct TomlEdit {
    private let text: [UInt8]
    private let statements: [TomlOutline.Statement]
    private let table: [String]
    private let lineEnd: String

    /// - Parameter table: the path of the table, as in its header.
    /// - Throws: what is wrong with the text, or with the way in which the table is written.
    init(_ text: [UInt8], table: [String]) throws(SetupError) {
        self.text = text
        self.table = table
        lineEnd = LineEnd.of(text)
        if let line = LineEnd.ofInvalidUTF8(in: text) { throw SetupError(.unreadable, "it is not UTF-8", line: line) }
        do throws(TomlError) {
            statements = try TomlOutline.read(text).statements
        } catch {
            throw SetupError(.unreadable, error.message, line: error.line)
        }
        try checkForm()
    }

    private var header: Int? { statements.firstIndex { $0.kind == .table && $0.keys == table } }

    /// The table has to have a header of its own, once, or not to be there.
    private func checkForm() throws(SetupError) {
        var path: [String] = []
        var headers = 0
        for statement in statements {
            let keys: [String]
            switch statement.kind {
            case .table, .arrayElement: (path, keys) = (statement.keys, statement.keys)
            case .pair: keys = path + statement.keys
            }
            let isWithin = path.starts(with: table)
            switch statement.kind {
            case .table where keys == table:
                headers += 1
                guard headers == 1 else { throw refusal(statement, "the table is there a second time") }
            case .table: break
            case .arrayElement where table.starts(with: keys):
                throw refusal(statement, "a list where a table has to be")
            case .pair where !isWithin && (keys.starts(with: table) || table.starts(with: keys)):
                throw refusal(statement, "the table is written without a header of its own")
            default: break
            }
        }
    }

    private func refusal(_ statement: TomlOutline.Statement, _ message: String) -> SetupError {
        SetupError(
            .unchangeable, message, hint: "change it by hand; --print shows what it has to be", line: statement.line)
    }

    // MARK: - Reading

    /// The pairs of the table itself; nil where there is no table. A value that `TomlParser` does not read is left out.
    func values() -> [String: TomlValue]? {
        guard header != nil else { return nil }
        var values: [String: TomlValue] = [:]
        for (key, range) in pairs {
            let value = "value = " + String(decoding: text[range], as: UTF8.self)
            values[key] = (try? TomlParser.parse(value))?["value"]
        }
        return values
    }

    private var pairs: [(String, Range<Int>)] {
        guard let header else { return [] }
        return statements[(header + 1)...].prefix { $0.isPair }.compactMap { statement in
            guard case .pair(let range) = statement.kind, statement.keys.count == 1 else { return nil }
            return (statement.keys[0], range)
        }
    }

    /// Whether it has such a pair, in whatever form.
    func has(_ key: String) -> Bool { pairs.contains { $0.0 == key } }

    // MARK: - Putting in

    /// What appends the table. `lines` are its pairs.
    func appending(_ lines: [(key: String, value: String)]) -> [TextEdit] {
        let isEnded = text.last.map { $0 == 10 } ?? true
        let body = ([Self.header(table)] + lines.map { "\($0.key) = \($0.value)" }).joined(separator: lineEnd)
        return [TextEdit(at: text.count, isEnded ? lineEnd + body + lineEnd : lineEnd + lineEnd + body)]
    }

    /// What gives a pair of the table, which is there, another value.
    func setting(_ key: String, to value: String) -> [TextEdit] {
        if let (_, range) = pairs.first(where: { $0.0 == key }) { return [TextEdit(range, value)] }
        guard let header else { return [] }
        return [TextEdit(at: statements[header].range.upperBound, "\(lineEnd)\(key) = \(value)")]
    }

    /// The text of a file that has nothing but the table.
    static func text(_ table: [String], _ lines: [(key: String, value: String)]) -> String {
        header(table) + "\n" + lines.map { "\($0.key) = \($0.value)\n" }.joined()
    }

    private static func header(_ table: [String]) -> String { "[" + table.map(key).joined(separator: ".") + "]" }

    private static func key(_ name: String) -> String {
        let isBare = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "_-".utf8.contains(byte)
        }
        return isBare && !name.isEmpty ? name : string(name)
    }

    static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\u{0}"..."\u{1f}", "\u{7f}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    static func list(_ texts: [String]) -> String { "[" + texts.map(string).joined(separator: ", ") + "]" }

    // MARK: - Taking out

    /// What takes the table out, with the tables in it.
    func removing() -> [TextEdit] {
        var edits: [TextEdit] = []
        var index = 0
        while index < statements.count {
            let first = statements[index]
            let last = index + statements[(index + 1)...].prefix { $0.isPair }.count
            if !first.isPair, first.keys.starts(with: table) {
                edits.append(.deletion(lines(from: first.range.lowerBound, to: statements[last].range.upperBound)))
                index = last
            }
            index += 1
        }
        return edits
    }

    /// Whole lines, with an empty one before them.
    private func lines(from first: Int, to last: Int) -> Range<Int> {
        var (start, end) = (first, last)
        while start > 0, text[start - 1] == 0x20 || text[start - 1] == 0x09 { start -= 1 }
        let emptyLine = lineStart(before: start).flatMap { $0 == 0 || text[$0 - 1] == 10 ? $0 : nil }
        if end < text.count {
            while end < text.count, text[end] != 10 { end += 1 }
            return (emptyLine ?? start)..<min(end + 1, text.count)
        }
        // Nothing ends the last line, so nothing ends the one that will be the last.
        start = emptyLine ?? start
        return (lineStart(before: start) ?? start)..<end
    }

    /// Where the end of a line begins that ends just before `offset`; nil where none does.
    private func lineStart(before offset: Int) -> Int? {
        guard offset > 0, text[offset - 1] == 10 else { return nil }
        return offset > 1 && text[offset - 2] == 13 ? offset - 2 : offset - 1
    }
}

extension TomlOutline.Statement {
    fileprivate var isPair: Bool { if case .pair = kind { true } else { false } }
}
