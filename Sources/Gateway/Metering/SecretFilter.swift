import NIOCore

/// Blots a secret out of a stream of bytes without changing its length, wherever the pieces are cut.
///
/// Between two pieces it remembers how much of the secret the last one ended with (Knuth, Morris, Pratt); those
/// bytes are held back, and are the secret's own first ones, so they need no buffer.
struct SecretFilter {
    /// A shorter secret would blot out ordinary text; no real key is that short.
    static let minimumBytes = 8

    private let secret: [UInt8]
    private let fallback: [Int]
    private let blot: [UInt8]
    private var matched = 0

    /// - Returns: `nil` for a secret of less than `minimumBytes`.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= Self.minimumBytes else { return nil }
        secret = bytes
        fallback = Self.fallbackTable(bytes)
        let word = Array("[redacted]".utf8)
        blot = (0..<bytes.count).map { $0 < word.count && bytes.count >= word.count ? word[$0] : UInt8(ascii: "*") }
    }

    /// For each length of a partial match, the length of the longest shorter one that ends at the same byte.
    private static func fallbackTable(_ bytes: [UInt8]) -> [Int] {
        var table = [Int](repeating: 0, count: bytes.count)
        var length = 0
        for index in 1..<bytes.count {
            while length > 0, bytes[index] != bytes[length] { length = table[length - 1] }
            if bytes[index] == bytes[length] { length += 1 }
            table[index] = length
        }
        return table
    }

    /// The bytes that may go on now; up to the secret's length less one may be held back.
    mutating func pass(_ piece: ByteBuffer) -> ByteBuffer {
        var output = piece
        let held = matched
        if held > 0 {
            output = ByteBuffer()
            output.reserveCapacity(held + piece.readableBytes)
            output.writeBytes(secret[..<held])
            output.writeImmutableBuffer(piece)
        }
        for end in occurrences(in: piece) {
            output.setBytes(blot, at: output.readerIndex + held + end - secret.count)
        }
        output.moveWriterIndex(to: output.writerIndex - matched)
        return output
    }

    /// What was held back, once nothing more follows.
    mutating func finish() -> ByteBuffer? {
        defer { matched = 0 }
        return matched == 0 ? nil : ByteBuffer(bytes: secret[..<matched])
    }

    static func occurs(_ secret: String, in text: String) -> Bool {
        guard var filter = SecretFilter(secret) else { return false }
        return !filter.occurrences(in: ByteBuffer(string: text)).isEmpty
    }

    /// The offsets in `piece` just behind each occurrence that ends in it.
    private mutating func occurrences(in piece: ByteBuffer) -> [Int] {
        var ends: [Int] = []
        piece.withUnsafeReadableBytes { bytes in
            for (index, byte) in bytes.enumerated() {
                while matched > 0, byte != secret[matched] { matched = fallback[matched - 1] }
                if byte == secret[matched] { matched += 1 }
                if matched == secret.count {
                    ends.append(index + 1)
                    matched = 0
                }
            }
        }
        return ends
    }
}
