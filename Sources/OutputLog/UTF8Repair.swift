package import ShepherdProtocol

/// Decodes a stream of bytes piece by piece; a character that a piece cuts waits for the next one.
///
/// Ill-formed bytes become U+FFFD, one for each maximal subpart (Unicode 16, section 3.9, "U+FFFD Substitution of Maximal
/// Subparts"), so the result does not depend on how the stream was cut. At most 3 bytes are carried.
package struct UTF8Repair: Sendable {
    private var carry = Bytes()
    private var cutStart = 0
    /// Something was not UTF-8: the text does not tell every byte.
    package private(set) var isLossy = false

    package init() {}

    package mutating func decode(_ bytes: Bytes) -> String {
        var input = carry + bytes
        while cutStart > 0, let first = input.first {
            guard UTF8.isContinuation(first) else {
                cutStart = 0
                break
            }
            input.removeFirst()
            cutStart -= 1
        }
        let boundary = Self.boundary(input)
        carry = Bytes(input[boundary...])
        return text(input[..<boundary])
    }

    /// The stream has ended: a character that never came to its end is one U+FFFD.
    package mutating func finish() -> String {
        defer { carry = [] }
        return text(carry[...])
    }

    /// The bytes that follow do not join the ones before: half a character on either side of a gap is left out.
    ///
    /// - Returns: how many bytes of an unfinished character were left out.
    @discardableResult
    package mutating func cut() -> Int {
        defer { carry = [] }
        cutStart = 3
        return carry.count
    }

    private mutating func text(_ bytes: ArraySlice<UInt8>) -> String {
        if let exact = String(validating: bytes, as: UTF8.self) { return exact }
        isLossy = true
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Where a character begins that the end of `bytes` cuts; the count when none is cut.
    static func boundary(_ bytes: Bytes) -> Int {
        for length in 1...3 where length <= bytes.count {
            let start = bytes.count - length
            if UTF8.isContinuation(bytes[start]) { continue }
            return isPrefix(bytes[start...]) ? start : bytes.count
        }
        return bytes.count
    }

    /// Could these bytes be the beginning, but not the whole, of one well-formed character? (Unicode 16, table 3-7.)
    private static func isPrefix(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let lead = bytes.first else { return false }
        let length =
            switch lead {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 1
            }
        guard bytes.count < length else { return false }
        guard let second = bytes.dropFirst().first else { return true }
        return switch lead {
        case 0xE0: second >= 0xA0
        case 0xED: second <= 0x9F
        case 0xF0: second >= 0x90
        case 0xF4: second <= 0x8F
        default: true
        }
    }
}

/// A window of bytes of a stream, moved so that it cuts no character.
package struct TextWindow: Equatable, Sendable {
    package let text: String
    /// The exact stream offsets that `text` tells.
    package let range: Range<UInt64>
    package let isLossy: Bool

    /// Moves the start forward by at most 3 continuation bytes, and the end back to the last character boundary.
    ///
    /// - Parameters:
    ///   - startIsCut: there are bytes before the window (false at offset 0).
    ///   - endIsCut: more bytes follow, or may follow; false at the end of a closed stream.
    package init(_ bytes: Bytes, offset: UInt64, startIsCut: Bool, endIsCut: Bool) {
        var start = 0
        if startIsCut {
            while start < min(3, bytes.count), UTF8.isContinuation(bytes[start]) { start += 1 }
        }
        let end = endIsCut ? max(start, UTF8Repair.boundary(bytes)) : bytes.count
        let kept = bytes[start..<end]
        let exact = String(validating: kept, as: UTF8.self)
        text = exact ?? String(decoding: kept, as: UTF8.self)
        isLossy = exact == nil
        range = (offset + UInt64(start))..<(offset + UInt64(end))
    }
}
