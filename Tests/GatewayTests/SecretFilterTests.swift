import NIOCore
import Testing

@testable import Gateway

@Suite struct SecretFilterTests {
    private func run(_ secret: String, _ pieces: [[UInt8]]) throws -> [UInt8] {
        var filter = try #require(SecretFilter(secret))
        var output: [UInt8] = []
        for piece in pieces { output += Array(filter.pass(ByteBuffer(bytes: piece)).readableBytesView) }
        if let rest = filter.finish() { output += Array(rest.readableBytesView) }
        return output
    }

    /// The plain definition, on the whole text at once.
    private func model(_ secret: [UInt8], _ text: [UInt8]) -> [UInt8] {
        let word = Array("[redacted]".utf8)
        let blot = secret.indices.map { secret.count >= word.count && $0 < word.count ? word[$0] : UInt8(ascii: "*") }
        var result = text
        var index = 0
        while index + secret.count <= text.count {
            if Array(text[index..<index + secret.count]) == secret {
                result.replaceSubrange(index..<index + secret.count, with: blot)
                index += secret.count
            } else {
                index += 1
            }
        }
        return result
    }

    @Test(arguments: 0..<300)
    func agreesWithThePlainDefinition(seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed))
        // Two letters and short secrets make partial and overlapping matches common.
        let secret = (0..<Int.random(in: 8...12, using: &random)).map { _ in UInt8.random(in: 97...98, using: &random) }
        var text: [UInt8] = []
        for _ in 0..<20 {
            if Bool.random(using: &random) {
                text += secret.prefix(Int.random(in: 0...secret.count, using: &random))
            } else {
                text += (0..<5).map { _ in UInt8.random(in: 97...98, using: &random) }
            }
        }
        var pieces: [[UInt8]] = []
        var rest = text[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...6, using: &random)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        let output = try run(String(decoding: secret, as: UTF8.self), pieces)
        #expect(output == model(secret, text), "seed \(seed)")
    }

    @Test func otherTextIsNotHeldBack() throws {
        var filter = try #require(SecretFilter(secretKey))
        #expect(filter.pass(ByteBuffer(string: "data: {}\n\n")) == ByteBuffer(string: "data: {}\n\n"))
        #expect(filter.finish() == nil)
    }

    @Test func shortSecretsAreNotLookedFor() {
        #expect(SecretFilter("1234567") == nil)
        #expect(!SecretFilter.occurs("", in: "x"))
        #expect(SecretFilter.occurs("12345678", in: "a 12345678 b"))
    }
}
