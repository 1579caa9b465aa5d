/// The characters of a TOML text: blanks, lines, keys, strings, numbers.
struct TomlScanner {
    private let bytes: [UInt8]
    private var position = 0
    /// Counted from 1.
    private(set) var line = 1

    init(_ text: String) { bytes = Array(text.utf8) }

    var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    func error(_ message: String) -> TomlError { TomlError(line: line, message: message) }

    mutating func take(_ text: StaticString) -> Bool {
        let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard bytes[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    mutating func expect(_ text: StaticString) throws(TomlError) {
        guard take(text) else { throw error("expected \(text), found \(found)") }
    }

    mutating func skipBlanks() {
        while peek == UInt8(ascii: " ") || peek == UInt8(ascii: "\t") { position += 1 }
    }

    /// Blanks, comments and line ends.
    mutating func skipLines() throws(TomlError) {
        repeat {
            skipBlanks()
            try skipComment()
        } while newline()
    }

    /// What may follow on a line that has said what it has to say.
    mutating func endLine() throws(TomlError) {
        skipBlanks()
        try skipComment()
        guard peek == nil || newline() else { throw error("expected the end of the line, found \(found)") }
    }

    private mutating func skipComment() throws(TomlError) {
        guard peek == UInt8(ascii: "#") else { return }
        while let byte = peek, byte != 10, !(byte == 13 && following == 10) {
            try check(byte)
            position += 1
        }
    }

    private mutating func newline() -> Bool {
        guard take("\n") || take("\r\n") else { return false }
        line += 1
        return true
    }

    private var following: UInt8? { position + 1 < bytes.count ? bytes[position + 1] : nil }

    /// What stands here, for a message.
    private var found: String {
        guard let byte = peek else { return "the end of the file" }
        guard byte != 10, byte != 13 else { return "the end of the line" }
        let text = bytes[position...].prefix { $0 > 32 && $0 != 127 }.prefix(16)
        return text.isEmpty ? "a control character or blank" : "'\(String(decoding: text, as: UTF8.self))'"
    }

    private func check(_ byte: UInt8) throws(TomlError) {
        guard byte >= 32 || byte == 9, byte != 127 else { throw error("a control character (\(byte))") }
    }
}

// MARK: - Keys and strings

extension TomlScanner {
    mutating func bareKey() throws(TomlError) -> String {
        let start = position
        while let byte = peek, Self.isLetterOrDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") {
            position += 1
        }
        guard position > start else { throw error("expected a key, found \(found)") }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// `'…'`, nothing in it means anything.
    mutating func literalString() throws(TomlError) -> String {
        try expect("'")
        guard !take("''") else { throw error("strings over several lines are not used here") }
        let start = position
        while let byte = peek, byte != UInt8(ascii: "'") {
            try check(byte)
            position += 1
        }
        let end = position
        try expect("'")
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    /// `"…"` with escapes.
    mutating func basicString() throws(TomlError) -> String {
        try expect("\"")
        guard !take("\"\"") else { throw error("strings over several lines are not used here") }
        var text: [UInt8] = []
        while let byte = peek, byte != UInt8(ascii: "\"") {
            try check(byte)
            position += 1
            if byte == UInt8(ascii: "\\") { text += try escape() } else { text.append(byte) }
        }
        try expect("\"")
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func escape() throws(TomlError) -> [UInt8] {
        let simple: [(StaticString, UInt8)] = [
            ("b", 8), ("t", 9), ("n", 10), ("f", 12), ("r", 13), ("\"", 34), ("\\", 92),
        ]
        for (letter, byte) in simple where take(letter) { return [byte] }
        let digits = take("u") ? 4 : take("U") ? 8 : 0
        let text = String(decoding: bytes[position...].prefix(digits), as: UTF8.self)
        guard digits > 0, text.utf8.count == digits, text.utf8.allSatisfy(Self.isHexadecimal),
            let scalar = UInt32(text, radix: 16).flatMap(Unicode.Scalar.init)
        else { throw error("an escape that is none: \\\(found)") }
        // Half of what reads this text later ends at a NUL.
        guard scalar.value != 0 else { throw error("a NUL character") }
        position += digits
        return Array(String(Character(scalar)).utf8)
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || isDigit(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
}

// MARK: - Numbers and words

extension TomlScanner {
    /// `true`, `false`, an integer or a fraction.
    mutating func word() throws(TomlError) -> TomlValue.Kind {
        let start = position
        while let byte = peek, Self.isLetterOrDigit(byte) || "+-_.:".utf8.contains(byte) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        switch text {
        case "": throw error("expected a value, found \(found)")
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        default: break
        }
        // An underscore stands between two digits.
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        let joined = parts.joined()
        guard !parts.contains(""), let kind = Self.number(joined) else {
            throw error(
                joined.wholeMatch(of: /[+-]?[1-9][0-9]*/) != nil
                    ? "'\(text)' is more than an integer of 64 bits holds"
                    : "'\(text)' is no value; a string needs quotes")
        }
        return kind
    }

    private static func number(_ text: String) -> TomlValue.Kind? {
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
            let digits = text.dropFirst(2)
            guard digits.utf8.first.map(isHexadecimal) == true else { return nil }
            return Int(digits, radix: radix).map(TomlValue.Kind.integer)
        }
        let digits = text.drop { $0 == "+" || $0 == "-" }
        guard text.count - digits.count <= 1, digits.utf8.first.map(isDigit) == true else { return nil }
        guard digits == "0" || !digits.hasPrefix("0") || digits.contains(".") else { return nil }
        if digits.utf8.allSatisfy(isDigit) { return Int(text).map(TomlValue.Kind.integer) }
        guard digits.utf8.allSatisfy({ isDigit($0) || ".eE+-".utf8.contains($0) }),
            digits.utf8.last.map(isDigit) == true
        else { return nil }
        return Double(text).map(TomlValue.Kind.float)
    }
}
