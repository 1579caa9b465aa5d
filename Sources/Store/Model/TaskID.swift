/// The name of a task: `task_` and 26 characters of `[a-z2-7]`, which spell 128 random bits.
package struct TaskID: Hashable, Sendable, CustomStringConvertible {
    package static let prefix = "task_"

    package let text: String

    /// Nil when `text` is not a complete task id.
    package init?(_ text: String) {
        guard text.hasPrefix(Self.prefix), text.utf8.count == Self.prefix.utf8.count + Base32.encodedLength,
            text.utf8.dropFirst(Self.prefix.utf8.count).allSatisfy(Base32.alphabet.contains)
        else { return nil }
        self.text = text
    }

    private init(random: [UInt8]) {
        text = Self.prefix + Base32.encode(random)
    }

    package static func random() -> TaskID {
        TaskID(random: RandomBytes.make(16))
    }

    package var description: String { text }
}

extension TaskID: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = TaskID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a task id: \(text)")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// RFC 4648 base32 in lower case without padding.
enum Base32 {
    static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
    /// Characters of 16 bytes.
    static let encodedLength = 26

    static func encode(_ bytes: [UInt8]) -> String {
        var text = ""
        var pending: UInt32 = 0
        var bits = 0
        for byte in bytes {
            pending = pending << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(character(pending >> UInt32(bits)))
            }
        }
        if bits > 0 {
            text.append(character(pending << UInt32(5 - bits)))
        }
        return text
    }

    private static func character(_ value: UInt32) -> Character {
        Character(UnicodeScalar(alphabet[Int(value & 31)]))
    }
}

enum RandomBytes {
    static func make(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
