public import OrderedCollections

/// A JSON value. Integers are exact within 64 bits, members keep their order.
public enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Everything else that RFC 8259 calls a number; always finite.
    case number(Double)
    case string(String)
    case array([JSON])
    case object(OrderedDictionary<String, JSON>)
}

extension JSON {
    /// The member of an object; nil for anything else. Setting nil takes it away; a value that is no object becomes one.
    public subscript(_ key: String) -> JSON? {
        get {
            guard case .object(let members) = self else { return nil }
            return members[key]
        }
        set {
            var members = object ?? [:]
            members[key] = newValue
            self = .object(members)
        }
    }

    public var object: OrderedDictionary<String, JSON>? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// Of an object's members, in their order; none for anything else.
    public var names: [String] { object.map { Array($0.keys) } ?? [] }

    public var array: [JSON]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    public var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    public var integer: Int64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }

    /// Also of an integer.
    public var number: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    public var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// What JSON calls this kind of value, for messages to people.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// An object of the members that are there.
    public static func members(_ pairs: KeyValuePairs<String, JSON?>) -> JSON {
        var members = OrderedDictionary<String, JSON>(minimumCapacity: pairs.count)
        for case (let key, let value?) in pairs { members[key] = value }
        return .object(members)
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByStringInterpolation
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }

    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(OrderedDictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}
