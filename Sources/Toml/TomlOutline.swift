/// The statements of a TOML text, each with its place, so that one can be changed and all others stay as they are.
///
/// Unlike `TomlParser`, which reads files of ours, this reads those of others: all that TOML 1.0 has. It checks the form of every
/// statement and value, but not whether they fit together: whether a key is there twice is for those who read them.
package struct TomlOutline: Sendable {
    package struct Statement: Equatable, Sendable {
        package enum Kind: Equatable, Sendable {
            /// `[keys]`
            case table
            /// `[[keys]]`
            case arrayElement
            /// `keys = value`, with the range of the value.
            case pair(Range<Int>)
        }

        package var kind: Kind
        package var keys: [String]
        /// From its first byte to the end of its last line, without the end of the line; a comment behind it included.
        package var range: Range<Int>
        /// Counted from 1.
        package var line: Int
    }

    package private(set) var statements: [Statement] = []

    private let text: [UInt8]
    private var offset = 0
    /// The line of the statement that was read last, and where that begins.
    private var latest = (line: 1, start: 0)

    /// Throws `TomlError` with the line of the mistake.
    package static func read(_ text: [UInt8]) throws(TomlError) -> TomlOutline {
        var outline = TomlOutline(text)
        guard String(validating: text, as: UTF8.self) != nil else { throw outline.error("it is not UTF-8") }
        if text.starts(with: [0xef, 0xbb, 0xbf]) { outline.offset = 3 }
        try outline.skipLines()
        while outline.peek != nil {
            try outline.statement()
            try outline.skipLines()
        }
        return outline
    }

    private init(_ text: [UInt8]) { self.text = text }

    // MARK: - Statements

    private mutating func statement() throws(TomlError) {
        let start = offset
        latest = (latest.line + text[latest.start..<start].count { $0 == 10 }, start)
        let line = latest.line
        let kind: Statement.Kind
        let keys: [String]
        if take("[[") {
            (kind, keys) = (.arrayElement, try key())
            try expect("]]")
        } else if take("[") {
            (kind, keys) = (.table, try key())
            try expect("]")
        } else {
            keys = try key()
            try expect("=")
            skipBlanks()
            let value = offset
            try self.value(depth: 0)
            kind = .pair(value..<offset)
        }
        skipBlanks()
        try skipComment()
        guard peek == nil || isLineEnd else { throw error("expected the end of the line, found \(found)") }
        var end = offset
        while end > start, text[end - 1] == UInt8(ascii: " ") || text[end - 1] == UInt8(ascii: "\t") { end -= 1 }
        statements.append(Statement(kind: kind, keys: keys, range: start..<end, line: line))
    }

    /// `a`, `"a b"`, `a.b`; ends behind the blanks that follow.
    private mutating func key() throws(TomlError) -> [String] {
        var parts: [String] = []
        repeat {
            skipBlanks()
            let start = offset
            if peek == UInt8(ascii: "\"") || peek == UInt8(ascii: "'") {
                try string()
                parts.append(try Self.string(text[start..<offset], line))
            } else {
                while let byte = peek, TomlScanner.isLetterOrDigit(byte) || "_-".utf8.contains(byte) { offset += 1 }
                guard offset > start else { throw error("expected a key, found \(found)") }
                parts.append(String(decoding: text[start..<offset], as: UTF8.self))
            }
            skipBlanks()
        } while take(".")
        return parts
    }

    private static func string(_ text: ArraySlice<UInt8>, _ line: Int) throws(TomlError) -> String {
        var scanner = TomlScanner(String(decoding: text, as: UTF8.self))
        do throws(TomlError) {
            return scanner.peek == UInt8(ascii: "'") ? try scanner.literalString() : try scanner.basicString()
        } catch {
            throw TomlError(line: line, message: error.message)
        }
    }

    // MARK: - Values

    private static let deepest = 64

    private mutating func value(depth: Int) throws(TomlError) {
        guard depth < Self.deepest else { throw error("nested too deeply") }
        switch peek {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): try string()
        case UInt8(ascii: "["): try array(depth: depth)
        case UInt8(ascii: "{"): try inlineTable(depth: depth)
        default: try word()
        }
    }

    private mutating func array(depth: Int) throws(TomlError) {
        try expect("[")
        while true {
            try skipLines()
            if take("]") { return }
            try value(depth: depth + 1)
            try skipLines()
            guard take(",") else { return try expect("]") }
        }
    }

    private mutating func inlineTable(depth: Int) throws(TomlError) {
        try expect("{")
        skipBlanks()
        if take("}") { return }
        repeat {
            _ = try key()
            try expect("=")
            skipBlanks()
            try value(depth: depth + 1)
            skipBlanks()
        } while take(",")
        try expect("}")
    }

    /// Of any of the four kinds.
    private mutating func string() throws(TomlError) {
        let begin = line
        guard let quote = peek else { return }
        let triple: StaticString = quote == UInt8(ascii: "'") ? "'''" : "\"\"\""
        let isLong = take(triple)
        if !isLong { offset += 1 }
        while let byte = peek {
            if isLong, take(triple) {
                // Up to two quotes before the three that end it belong to it.
                for _ in 0..<2 where peek == quote { offset += 1 }
                return
            }
            if !isLong {
                guard !isLineEnd else { break }
                offset += byte == quote ? 1 : 0
                guard byte != quote else { return }
            }
            guard byte >= 32 || byte == 9 || byte == 10 || isLineEnd, byte != 127 else {
                throw error("a control character (\(byte))")
            }
            offset += 1
            // Whatever is escaped does not end it.
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\""), peek != nil, !isLineEnd { offset += 1 }
        }
        throw TomlError(line: begin, message: "a string that does not end")
    }

    /// A number, a date, `true` or `false`.
    private mutating func word() throws(TomlError) {
        let start = offset
        skipWord()
        // The one value that may have a blank in it: 1979-05-27 07:32:00.
        if offset - start == 10, text[start + 4] == UInt8(ascii: "-"), peek == UInt8(ascii: " "),
            offset + 3 < text.count,
            text[offset + 3] == UInt8(ascii: ":")
        {
            offset += 1
            skipWord()
        }
        let word = String(decoding: text[start..<offset], as: UTF8.self)
        let digits = word.drop { $0 == "+" || $0 == "-" }
        guard
            ["true", "false"].contains(word) || ["inf", "nan"].contains(digits) || digits.first?.isWholeNumber == true
        else {
            throw error(
                word.isEmpty ? "expected a value, found \(found)" : "'\(word)' is no value; a string needs quotes")
        }
    }

    private mutating func skipWord() {
        while let byte = peek, TomlScanner.isLetterOrDigit(byte) || "+-_.:".utf8.contains(byte) { offset += 1 }
    }

    // MARK: - Bytes

    private var peek: UInt8? { offset < text.count ? text[offset] : nil }

    private var line: Int { latest.line + text[latest.start..<min(offset, text.count)].count { $0 == 10 } }

    private var isLineEnd: Bool { peek == 10 || peek == 13 && offset + 1 < text.count && text[offset + 1] == 10 }

    private mutating func take(_ wanted: StaticString) -> Bool {
        let bytes = UnsafeBufferPointer(start: wanted.utf8Start, count: wanted.utf8CodeUnitCount)
        guard offset <= text.count, text[offset...].starts(with: bytes) else { return false }
        offset += bytes.count
        return true
    }

    private mutating func expect(_ wanted: StaticString) throws(TomlError) {
        guard take(wanted) else { throw error("expected \(wanted), found \(found)") }
    }

    private mutating func skipBlanks() {
        while peek == UInt8(ascii: " ") || peek == UInt8(ascii: "\t") { offset += 1 }
    }

    /// Blanks, comments and line ends.
    private mutating func skipLines() throws(TomlError) {
        while true {
            skipBlanks()
            try skipComment()
            guard isLineEnd else { return }
            offset += peek == 13 ? 2 : 1
        }
    }

    private mutating func skipComment() throws(TomlError) {
        guard peek == UInt8(ascii: "#") else { return }
        while let byte = peek, !isLineEnd {
            guard byte >= 32 || byte == 9, byte != 127 else { throw error("a control character (\(byte))") }
            offset += 1
        }
    }

    private func error(_ message: String) -> TomlError { TomlError(line: line, message: message) }

    private var found: String {
        guard let byte = peek else { return "the end of the file" }
        guard !isLineEnd else { return "the end of the line" }
        let rest = text[offset...].prefix { $0 > 32 && $0 != 127 }.prefix(16)
        return rest.isEmpty ? "the byte \(byte)" : "'\(String(decoding: rest, as: UTF8.self))'"
    }
}
