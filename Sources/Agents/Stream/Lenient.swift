/// An element that may be of an unknown shape, without spoiling the list that it is in.
struct Lenient<Value: Decodable>: Decodable {
    let value: Value?

    init(_ value: Value) { self.value = value }

    init(from decoder: any Decoder) throws {
        value = try? Value(from: decoder)
    }
}

/// An object's fields, of which each is either there with the type that is asked for, or absent.
struct LenientFields<Key: CodingKey> {
    private let container: KeyedDecodingContainer<Key>

    init(_ container: KeyedDecodingContainer<Key>) { self.container = container }

    subscript<Value: Decodable>(key: Key) -> Value? { try? container.decode(Value.self, forKey: key) }
}
