import OrderedCollections

extension JSON {
    /// One line, in the order of the members.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// One line of UTF-8 without its end; what would break a line for some reader, or a terminal, is escaped.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes, isSorted: false)
        return bytes
    }

    /// The same for every order of the members, to compare by.
    var canonicalBytes: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes, isSorted: true)
        return bytes
    }

    private func write(to bytes: inout [UInt8], isSorted: Bool) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): bytes.append(contentsOf: String(value).utf8)
        case .number(let value): bytes.append(contentsOf: Self.text(of: value).utf8)
        case .string(let text): Self.write(text, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes, isSorted: isSorted)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(var members):
            if isSorted { members.sort { $0.key < $1.key } }
            bytes.append(UInt8(ascii: "{"))
            for (index, (name, value)) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                value.write(to: &bytes, isSorted: isSorted)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// JSON has no infinity and no NaN (RFC 8259, 6).
    private static func text(of number: Double) -> String { number.isFinite ? "\(number)" : "null" }

    // MARK: - Strings

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { units in
            // What needs no escape is copied in one piece.
            var start = 0
            var index = 0
            while index < units.count {
                guard let length = lengthToEscape(units, at: index) else {
                    index += 1
                    continue
                }
                bytes.append(contentsOf: units[start..<index])
                escape(units[index..<(index + length)], to: &bytes)
                index += length
                start = index
            }
            bytes.append(contentsOf: units[start...])
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// How many bytes from here on are a character that is not written as it is; nil for one that is.
    ///
    /// RFC 8259 demands it of the quotation mark, the backslash and everything below U+0020. Terminals act upon U+007F to U+009F, and
    /// some readers of lines end one at U+2028 and U+2029.
    private static func lengthToEscape(_ units: UnsafeBufferPointer<UInt8>, at index: Int) -> Int? {
        func unit(_ offset: Int) -> UInt8 { index + offset < units.count ? units[index + offset] : 0 }
        switch units[index] {
        case 0..<0x20, 0x7f, UInt8(ascii: "\""), UInt8(ascii: "\\"): return 1
        case 0xc2 where unit(1) < 0xa0: return 2
        case 0xe2 where unit(1) == 0x80 && (unit(2) == 0xa8 || unit(2) == 0xa9): return 3
        default: return nil
        }
    }

    private static func escape(_ character: Slice<UnsafeBufferPointer<UInt8>>, to bytes: inout [UInt8]) {
        let first = character[character.startIndex]
        switch (character.count, first) {
        case (1, UInt8(ascii: "\"")), (1, UInt8(ascii: "\\")): bytes.append(contentsOf: [UInt8(ascii: "\\"), first])
        case (1, UInt8(ascii: "\n")): bytes.append(contentsOf: "\\n".utf8)
        case (1, UInt8(ascii: "\r")): bytes.append(contentsOf: "\\r".utf8)
        case (1, UInt8(ascii: "\t")): bytes.append(contentsOf: "\\t".utf8)
        case (3, _): bytes.append(contentsOf: (character.last == 0xa8 ? "\\u2028" : "\\u2029").utf8)
        default:
            // U+0080 to U+009F have the number of their second byte.
            let number = character.last ?? first
            bytes.append(contentsOf: (number < 0x10 ? "\\u000" : "\\u00").utf8)
            bytes.append(contentsOf: String(number, radix: 16).utf8)
        }
    }
}
