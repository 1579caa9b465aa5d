import Foundation

/// The one way values become JSON text and come back: sorted keys, slashes as they are, one line unless `pretty`.
package enum JSONText {
    package static func encode(_ value: some Encodable, pretty: Bool = false) throws(StoreError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw StoreError(.input, "A value cannot be written as JSON: \(error)")
        }
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from text: String) throws(StoreError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw StoreError(
                .corrupt, "A stored value cannot be read as \(type): \(error)",
                hint: "It may have been written by a newer Claudine.")
        }
    }
}
