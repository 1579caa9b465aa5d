import Foundation
import Synchronization

/// Finds what must not get to a client: values of this process's own environment that are secrets by their name, and what looks
/// like the key of a well-known service.
enum Secrets {
    /// Shorter ones would be found in ordinary words.
    private static let shortest = 8

    private static let known: [(name: String, value: String)] = ProcessInfo.processInfo.environment
        .filter { name, value in
            let words = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"]
            return value.utf8.count >= shortest && words.contains { name.uppercased().contains($0) }
        }
        .sorted { $0.value.utf8.count > $1.value.utf8.count }
        .map { ($0.key, $0.value) }

    /// How keys of services begin, and how many more characters follow at least.
    private static let shapes: [(start: [UInt8], rest: Int)] = [
        ("sk-ant-", 16), ("sk-proj-", 16), ("ghp_", 30), ("gho_", 30), ("ghs_", 30), ("github_pat_", 30),
        ("glpat-", 16),
        ("xoxb-", 16), ("xoxp-", 16), ("AKIA", 16), ("AIza", 30), ("npm_", 30), ("hf_", 30),
    ].map { (Array($0.0.utf8), $0.1) }

    static func redacted(_ text: String) -> String {
        var text = text
        for secret in known where text.contains(secret.value) {
            text = text.replacing(secret.value, with: "[redacted:\(secret.name)]")
        }
        return redactedShapes(text)
    }

    private static func redactedShapes(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var copied = 0
        var index = 0
        while index < bytes.count {
            defer { index += 1 }
            guard index == 0 || !isPart(bytes[index - 1]) else { continue }
            guard let shape = shapes.first(where: { bytes[index...].starts(with: $0.start) }) else { continue }
            var end = index + shape.start.count
            while end < bytes.count, isPart(bytes[end]) { end += 1 }
            guard end - index - shape.start.count >= shape.rest else { continue }
            result += bytes[copied..<index]
            result += Array("[redacted:key]".utf8)
            copied = end
            index = end - 1
        }
        guard copied > 0 else { return text }
        return String(decoding: result + bytes[copied...], as: UTF8.self)
    }

    private static func isPart(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "-")
    }
}
