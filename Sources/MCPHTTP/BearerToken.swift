import Digests

/// The secret that a client shows to be let in (RFC 6750).
public struct BearerToken: Sendable {
    private let secret: [UInt8]

    /// What this token's holder is called in records: nothing that leads back to the token.
    public let principal: String

    /// - Parameter text: at least 16 characters of those that RFC 6750, 2.1 allows; nil for anything else.
    public init?(_ text: String) {
        guard text.utf8.count >= 16, text.utf8.allSatisfy(Self.isAllowed) else { return nil }
        secret = Array(text.utf8)
        principal = "http:" + SHA256.hex(secret).prefix(16)
    }

    /// 256 random bits as 64 hexadecimal digits.
    public static func random() -> String { RandomName.hexadecimal(bits: 256) }

    /// Takes the same time for any other text of the same length, so that nobody learns from it how much was right.
    func isEqual(to text: some StringProtocol) -> Bool {
        let other = Array(text.utf8)
        guard other.count == secret.count else { return false }
        return zip(secret, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func isAllowed(_ unit: UInt8) -> Bool {
        switch unit {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~+/=".utf8.contains(unit)
        }
    }
}

/// Names that nobody can guess; the generator is the kernel's.
enum RandomName {
    /// - Parameter bits: a multiple of 64.
    static func hexadecimal(bits: Int) -> String {
        var random = SystemRandomNumberGenerator()
        return (0..<bits / 64).map { _ in
            let digits = String(random.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
