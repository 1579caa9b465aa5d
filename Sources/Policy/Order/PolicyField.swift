/// One key of a policy: what it means, what enforces it, what happens where that cannot be, and its part in the order.
///
/// The loader's keys, the order, `policy show`, `policy explain`, `policy diff` and docs/policies.md are made from
/// `PolicyField.all`, so that none of them knows a key that another does not.
package struct PolicyField: Sendable {
    /// Dotted, as in a policy file.
    package let key: String
    /// What a file may say, for people.
    package let values: String
    /// One phrase: what is decided.
    package let meaning: String
    /// What keeps it in force.
    package let mechanism: String
    /// What happens when it is hit, or when the mechanism is not to be had.
    package let failure: String
    /// Which of two values is stricter, for people.
    package let stricter: String
    /// The value as a policy file would have it.
    package let text: @Sendable (Policy) -> String

    /// Whether the first policy's value is at least as strict as the second's; of effective policies (`PolicyOrder`).
    let isBelow: @Sendable (Policy, Policy) -> Bool
    /// Sets the first policy's value to the greatest lower bound of the two others'.
    let narrow: @Sendable (inout Policy, Policy, Policy) -> Void

    package static func named(_ key: String) -> PolicyField? { byKey[key] }

    private static let byKey = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0) })

    /// In the order of a policy file.
    package static let all =
        top + process + limits + filesystem + workspace + network + environment + syscalls + landlock
}

/// What is said about a field, in the order of the table in docs/policies.md.
struct FieldNotes {
    var values: String
    var meaning: String
    var mechanism: String
    var failure: String
    var stricter: String
}

extension PolicyField {
    /// A field whose value stands for itself.
    init<Value>(
        _ key: String, _ path: any WritableKeyPath<Policy, Value> & Sendable, _ lattice: Lattice<Value>,
        _ text: @escaping @Sendable (Value) -> String, _ notes: FieldNotes
    ) {
        self.init(
            key, notes, text: { text($0[keyPath: path]) },
            isBelow: { lattice.isBelow($0[keyPath: path], $1[keyPath: path]) },
            narrow: { $0[keyPath: path] = lattice.meet($1[keyPath: path], $2[keyPath: path]) })
    }

    /// A field that has a meaning only together with others.
    init(
        _ key: String, _ notes: FieldNotes, text: @escaping @Sendable (Policy) -> String,
        isBelow: @escaping @Sendable (Policy, Policy) -> Bool,
        narrow: @escaping @Sendable (inout Policy, Policy, Policy) -> Void
    ) {
        self.key = key
        self.text = text
        self.isBelow = isBelow
        self.narrow = narrow
        values = notes.values
        meaning = notes.meaning
        mechanism = notes.mechanism
        failure = notes.failure
        stricter = notes.stricter
    }

    package var section: String { key.split(separator: ".").dropLast().joined(separator: ".") }
    package var name: String { key.split(separator: ".").last.map(String.init) ?? key }
}

/// Values as a policy file has them.
enum FieldText {
    @Sendable static func quoted(_ value: some CustomStringConvertible) -> String { string(value.description) }

    @Sendable static func word(_ value: some RawRepresentable<String>) -> String { string(value.rawValue) }

    @Sendable static func plain(_ value: some CustomStringConvertible) -> String { value.description }

    @Sendable static func optional(_ value: ByteSize?) -> String { value.map(quoted) ?? "" }

    @Sendable static func list(_ values: [String]) -> String { "[" + values.map(string).joined(separator: ", ") + "]" }

    @Sendable static func grants(_ grants: [PathGrant]) -> String {
        let items = grants.map { $0.optional ? "{ path = \(string($0.path)), optional = true }" : string($0.path) }
        return "[" + items.joined(separator: ", ") + "]"
    }

    @Sendable static func pairs(_ pairs: [String: String]) -> String {
        guard !pairs.isEmpty else { return "{}" }
        return "{ " + pairs.sorted { $0.key < $1.key }.map { "\($0.key) = \(string($0.value))" }.joined(separator: ", ")
            + " }"
    }

    /// A basic string of TOML.
    static func string(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            case "\t": "\\t"
            // C1 too: one of them begins the sequences that terminals obey.
            case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value):
                "\\u" + String(repeating: "0", count: scalar.value < 0x10 ? 3 : 2) + String(scalar.value, radix: 16)
            default: String(scalar)
            }
        }
        return "\"" + escaped.joined() + "\""
    }
}
