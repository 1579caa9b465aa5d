import OrderedCollections

/// Reads one JSON text (RFC 8259) in one pass over its bytes.
///
/// Stricter than the RFC where two readers could see different things: invalid UTF-8 is refused, and names that come twice in one
/// object and escaped halves of a surrogate pair are defects. A text with a defect is read to its end, so that whoever sent it
/// can be told which of his requests it was.
public struct JSONParser {
    public enum Failure: Error, Hashable, Sendable {
        case syntax(offset: Int)
        case invalidUTF8(offset: Int)
        /// More arrays and objects in one another than may be.
        case tooDeep(Int)
    }

    /// A value, and what is wrong with a text that can be read all the same.
    public struct Reading: Hashable, Sendable {
        /// The last of several members of one name counts, and half a surrogate pair reads as U+FFFD.
        public var value: JSON
        /// Names that come twice in one object, anywhere in the text.
        public var duplicateNames: Set<String> = []
        public var hasLoneSurrogate = false

        public var isSound: Bool { duplicateNames.isEmpty && !hasLoneSurrogate }
    }

    /// Arrays and objects in one another; nothing in the protocol needs ten.
    public static let mostDepth = 64

    private let bytes: UnsafeBufferPointer<UInt8>
    private var offset = 0
    private var duplicateNames: Set<String> = []
    private var hasLoneSurrogate = false

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// - Parameter text: one value, with white space around it at most.
    public static func read(_ text: some Collection<UInt8>) throws(Failure) -> Reading {
        let reading = text.withContiguousStorageIfAvailable { bytes in
            Result { () throws(Failure) in try read(bytes) }
        }
        if let reading { return try reading.get() }
        return try read(Array(text))
    }

    private static func read(_ bytes: UnsafeBufferPointer<UInt8>) throws(Failure) -> Reading {
        var parser = JSONParser(bytes)
        parser.skipSpace()
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.offset == bytes.count else { throw .syntax(offset: parser.offset) }
        return Reading(
            value: value, duplicateNames: parser.duplicateNames, hasLoneSurrogate: parser.hasLoneSurrogate)
    }

    // MARK: - Values

    private mutating func value(depth: Int) throws(Failure) -> JSON {
        switch peek {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(Failure) -> JSON {
        guard depth <= Self.mostDepth else { throw .tooDeep(Self.mostDepth) }
        offset += 1
        var members: OrderedDictionary<String, JSON> = [:]
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw .syntax(offset: offset) }
            let name = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw .syntax(offset: offset) }
            skipSpace()
            let value = try value(depth: depth)
            if members.updateValue(value, forKey: name) != nil { duplicateNames.insert(name) }
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw .syntax(offset: offset) }
        }
    }

    private mutating func array(depth: Int) throws(Failure) -> JSON {
        guard depth <= Self.mostDepth else { throw .tooDeep(Self.mostDepth) }
        offset += 1
        var elements: [JSON] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            skipSpace()
            elements.append(try value(depth: depth))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw .syntax(offset: offset) }
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(Failure) -> JSON {
        let start = offset
        for index in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[index]) else { throw .syntax(offset: start) }
        }
        return value
    }

    private mutating func number() throws(Failure) -> JSON {
        let start = offset
        var isInteger = true
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { guard skipDigits() else { throw .syntax(offset: start) } }
        if take(UInt8(ascii: ".")) {
            isInteger = false
            guard skipDigits() else { throw .syntax(offset: start) }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard skipDigits() else { throw .syntax(offset: start) }
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else { throw .syntax(offset: start) }
        return .number(number)
    }

    // MARK: - Strings

    private mutating func string() throws(Failure) -> String {
        offset += 1
        let start = offset
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                defer { offset += 1 }
                return try text(start..<offset)
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<0x20: throw .syntax(offset: offset)
            default: offset += 1
            }
        }
        throw .syntax(offset: offset)
    }

    /// The rest of a string whose first backslash has been reached.
    private mutating func escapedString(from start: Int) throws(Failure) -> String {
        var units = Array(bytes[start..<offset])
        while let byte = peek {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: units, as: UTF8.self) else { throw .invalidUTF8(offset: start) }
                return text
            case UInt8(ascii: "\\"): try escape(into: &units)
            case 0..<0x20: throw .syntax(offset: offset - 1)
            default: units.append(byte)
            }
        }
        throw .syntax(offset: offset)
    }

    private mutating func escape(into units: inout [UInt8]) throws(Failure) {
        guard let byte = peek else { throw .syntax(offset: offset) }
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(byte)
        case UInt8(ascii: "b"): units.append(0x08)
        case UInt8(ascii: "f"): units.append(0x0c)
        case UInt8(ascii: "n"): units.append(0x0a)
        case UInt8(ascii: "r"): units.append(0x0d)
        case UInt8(ascii: "t"): units.append(0x09)
        case UInt8(ascii: "u"): units.append(contentsOf: String(try scalar()).utf8)
        default: throw .syntax(offset: offset - 1)
        }
    }

    /// What comes after `\u`: one unit, or the two of a pair.
    private mutating func scalar() throws(Failure) -> Character {
        let first = try unit()
        if let scalar = Unicode.Scalar(first) { return Character(scalar) }
        let isHigh = UTF16.isLeadSurrogate(first)
        let after = offset
        if isHigh, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
            let second = try unit()
            if UTF16.isTrailSurrogate(second) {
                return Character(UTF16.decode(UTF16.EncodedScalar([first, second])))
            }
        }
        offset = after
        hasLoneSurrogate = true
        return "\u{fffd}"
    }

    private mutating func unit() throws(Failure) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw .syntax(offset: offset)
            }
            value = value << 4 | UInt16(digit)
            offset += 1
        }
        return value
    }

    private func text(_ range: Range<Int>) throws(Failure) -> String {
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw .invalidUTF8(offset: range.lowerBound)
        }
        return text
    }

    // MARK: - Bytes

    private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { offset += 1 }
    }

    /// False when there is none.
    private mutating func skipDigits() -> Bool {
        let start = offset
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { offset += 1 }
        return offset > start
    }
}
