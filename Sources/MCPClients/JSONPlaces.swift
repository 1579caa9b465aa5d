import MCP

/// Where what is in a JSON text: the members of its objects, each with the range of its bytes.
///
/// For texts of which a little is to be changed and the rest to stay as it is, which no reader into values allows. Comments and commas
/// behind the last member, as VS Code has them in its files, are read where they may be. The whole text is checked, strictly.
struct JSONPlaces {
    struct Object {
        var open: Int
        var close: Int
        var members: [Member] = []

        func member(_ name: String) -> Member? { members.first { $0.name == name } }
    }

    struct Member {
        var name: String
        var key: Range<Int>
        var value: Range<Int>
        /// The offset of the comma behind it.
        var comma: Int?
    }

    let text: [UInt8]
    let hasComments: Bool
    private(set) var root = 0..<0

    /// Arrays and objects in one another.
    static let mostDepth = 200

    /// - Parameter hasComments: whether comments and commas behind the last one are allowed.
    /// - Throws: what is wrong, with its line.
    init(_ text: [UInt8], hasComments: Bool) throws(SetupError) {
        self.text = text
        self.hasComments = hasComments
        if let line = LineEnd.ofInvalidUTF8(in: text) { throw SetupError(.unreadable, "it is not UTF-8", line: line) }
        var offset = try trivia(from: Self.start(of: text))
        root = offset..<(try value(at: offset, depth: 0))
        offset = try trivia(from: root.upperBound)
        guard offset == text.count else { throw unexpected(offset, "the end of the file") }
    }

    /// The offset behind a byte order mark.
    static func start(of text: [UInt8]) -> Int { text.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0 }

    /// The object that is the value in this range; nil when it is something else.
    func object(in range: Range<Int>) throws(SetupError) -> Object? {
        guard text[range.lowerBound] == UInt8(ascii: "{") else { return nil }
        return try members(of: range.lowerBound, depth: 1)
    }

    /// The value itself, which has no comments in it; nil where it cannot be read as such.
    func json(in range: Range<Int>) -> JSON? { try? JSONParser.read(text[range]).value }

    func line(_ offset: Int) -> Int { LineEnd.number(of: offset, in: text) }

    // MARK: - Values

    /// - Returns: the offset behind it.
    private func value(at offset: Int, depth: Int) throws(SetupError) -> Int {
        guard depth <= Self.mostDepth else {
            throw error(offset, "more than \(Self.mostDepth) arrays and objects in one another")
        }
        switch peek(offset) {
        case UInt8(ascii: "{"): return try members(of: offset, depth: depth + 1).close + 1
        case UInt8(ascii: "["): return try array(at: offset, depth: depth + 1)
        case UInt8(ascii: "\""): return try string(at: offset)
        default: return try word(at: offset)
        }
    }

    private func members(of open: Int, depth: Int) throws(SetupError) -> Object {
        var object = Object(open: open, close: open)
        var offset = try trivia(from: open + 1)
        while true {
            if peek(offset) == UInt8(ascii: "}"), object.members.last.map({ $0.comma == nil }) ?? true || hasComments {
                object.close = offset
                return object
            }
            guard peek(offset) == UInt8(ascii: "\"") else { throw unexpected(offset, "a name in quotes") }
            let key = offset..<(try string(at: offset))
            guard let name = json(in: key)?.string else { throw error(offset, "a name that cannot be read") }
            offset = try trivia(from: key.upperBound)
            guard peek(offset) == UInt8(ascii: ":") else { throw unexpected(offset, "':'") }
            offset = try trivia(from: offset + 1)
            let value = offset..<(try value(at: offset, depth: depth))
            offset = try trivia(from: value.upperBound)
            let comma = peek(offset) == UInt8(ascii: ",") ? offset : nil
            object.members.append(Member(name: name, key: key, value: value, comma: comma))
            if let comma {
                offset = try trivia(from: comma + 1)
            } else if peek(offset) != UInt8(ascii: "}") {
                throw unexpected(offset, "',' or '}'")
            }
        }
    }

    private func array(at open: Int, depth: Int) throws(SetupError) -> Int {
        var offset = try trivia(from: open + 1)
        if peek(offset) == UInt8(ascii: "]") { return offset + 1 }
        while true {
            offset = try trivia(from: try value(at: offset, depth: depth))
            if peek(offset) == UInt8(ascii: "]") { return offset + 1 }
            guard peek(offset) == UInt8(ascii: ",") else { throw unexpected(offset, "',' or ']'") }
            offset = try trivia(from: offset + 1)
            if hasComments, peek(offset) == UInt8(ascii: "]") { return offset + 1 }
        }
    }

    private func string(at open: Int) throws(SetupError) -> Int {
        var offset = open + 1
        while let byte = peek(offset) {
            switch byte {
            case UInt8(ascii: "\""): return offset + 1
            case UInt8(ascii: "\\"):
                guard let escaped = peek(offset + 1), "\"\\/bfnrtu".utf8.contains(escaped) else {
                    throw error(offset, "an escape that is none")
                }
                let digits = text[min(offset + 2, text.count)...].prefix(escaped == UInt8(ascii: "u") ? 4 : 0)
                guard escaped != UInt8(ascii: "u") || digits.count == 4 && digits.allSatisfy(Self.isHexadecimal) else {
                    throw error(offset, "an escape that is none")
                }
                offset += 2 + digits.count
            case 0..<0x20:
                throw error(offset, "a string that does not end on its line, or has a control character in it")
            default: offset += 1
            }
        }
        throw error(open, "a string that does not end")
    }

    /// A number, however large, `true`, `false` or `null`.
    private func word(at start: Int) throws(SetupError) -> Int {
        var offset = start
        while let byte = peek(offset), Self.isOfWord(byte) { offset += 1 }
        let word = text[start..<offset]
        guard Self.words.contains(where: word.elementsEqual) || Self.isNumber(word) else {
            throw unexpected(start, "a value")
        }
        return offset
    }

    private static let words = ["true", "false", "null"].map(\.utf8)

    /// RFC 8259, 6.
    private static func isNumber(_ word: ArraySlice<UInt8>) -> Bool {
        var rest = word.first == UInt8(ascii: "-") ? word.dropFirst() : word
        let whole = rest.prefix(while: isDigit)
        guard !whole.isEmpty, whole.count == 1 || whole.first != UInt8(ascii: "0") else { return false }
        rest = rest.dropFirst(whole.count)
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix(while: isDigit)
            guard !fraction.isEmpty else { return false }
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard let mark = rest.first else { return true }
        rest = rest.dropFirst()
        if let sign = rest.first, "+-".utf8.contains(sign) { rest = rest.dropFirst() }
        return mark | 0x20 == UInt8(ascii: "e") && !rest.isEmpty && rest.allSatisfy(isDigit)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    // MARK: - What is between

    /// The offset behind white space and comments.
    func trivia(from start: Int) throws(SetupError) -> Int {
        var offset = start
        while true {
            let before = offset
            while let byte = peek(offset), Self.isSpace(byte) { offset += 1 }
            offset = try comment(at: offset) ?? offset
            if offset == before { return offset }
        }
    }

    /// The offset behind a comment, of one in a line before the line's end; nil where there is none.
    func comment(at offset: Int) throws(SetupError) -> Int? {
        guard peek(offset) == UInt8(ascii: "/"), let second = peek(offset + 1), "/*".utf8.contains(second) else {
            return nil
        }
        guard hasComments else { throw error(offset, "a comment, which this client does not read") }
        if second == UInt8(ascii: "/") {
            return text[offset...].firstIndex { $0 == 10 || $0 == 13 } ?? text.count
        }
        var end = offset + 2
        while end + 1 < text.count {
            if text[end] == UInt8(ascii: "*"), text[end + 1] == UInt8(ascii: "/") { return end + 2 }
            end += 1
        }
        throw error(offset, "a comment that does not end")
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d }

    private static func isOfWord(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || "+-.".utf8.contains(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private func peek(_ offset: Int) -> UInt8? { offset < text.count ? text[offset] : nil }

    // MARK: - Errors

    func error(_ offset: Int, _ message: String) -> SetupError {
        SetupError(.unreadable, message, line: line(offset))
    }

    private func unexpected(_ offset: Int, _ wanted: String) -> SetupError {
        let rest = text[min(offset, text.count)...].prefix { !Self.isSpace($0) }.prefix(16)
        let found = rest.isEmpty ? "the end of the file" : "'\(String(decoding: rest, as: UTF8.self))'"
        return error(offset, "\(found) where \(wanted) has to be")
    }
}
