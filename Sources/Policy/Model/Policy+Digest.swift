import Digests
import Foundation

extension Policy {
    /// The policy as JSON with sorted snake_case keys: what is hashed, stored with the attempt and shown.
    package func canonicalJSON() throws(PolicyError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            throw PolicyError(.config, "policy '\(name)' cannot be written as JSON: \(error)")
        }
    }

    /// Reads back what `canonicalJSON` wrote; the frozen copy of an attempt, not a way to load a policy.
    package init(canonicalJSON text: String) throws(PolicyError) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            self = try decoder.decode(Policy.self, from: Data(text.utf8))
        } catch {
            throw PolicyError(.config, "a stored policy cannot be read back: \(error)")
        }
    }

    /// `sha256:` and 64 hexadecimal digits over the canonical JSON.
    package func digest() throws(PolicyError) -> String {
        Self.digest(ofCanonicalJSON: try canonicalJSON())
    }

    package static func digest(ofCanonicalJSON text: String) -> String {
        "sha256:" + SHA256.hex(Array(text.utf8))
    }
}
