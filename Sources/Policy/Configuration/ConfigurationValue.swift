/// What a key of config.toml is set to.
package enum ConfigurationValue: Equatable, Sendable, Encodable {
    case none
    case integer(Int)
    case text(String)
    case list([String])

    /// As the file would have it; empty where there is nothing.
    package var toml: String {
        switch self {
        case .none: ""
        case .integer(let value): String(value)
        case .text(let value): FieldText.string(value)
        case .list(let values): FieldText.list(values)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .none: try container.encodeNil()
        case .integer(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let values): try container.encode(values)
        }
    }
}

/// How values of one type stand in config.toml: what is accepted, how it is read, how it is shown.
struct ConfigurationType<Value>: Sendable {
    /// For people.
    let accepted: String
    let read: @Sendable (PolicyTable, _ key: String) throws(PolicyError) -> Value
    let show: @Sendable (Value) -> ConfigurationValue
}

extension ConfigurationType where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> ConfigurationType {
        ConfigurationType(
            accepted: "\(range.lowerBound)…\(range.upperBound)",
            read: { table, key throws(PolicyError) in try table.integer(key, in: range) }, show: { .integer($0) })
    }
}

extension ConfigurationType where Value == Int? {
    static func integerOrUnlimited(_ range: ClosedRange<Int>) -> ConfigurationType {
        ConfigurationType(
            accepted: "\(range.lowerBound)…\(range.upperBound), `\"unlimited\"`",
            read: { table, key throws(PolicyError) in try table.integerOrUnlimited(key, in: range) },
            show: { $0.map(ConfigurationValue.integer) ?? .text("unlimited") })
    }
}

extension ConfigurationType where Value: TextValue {
    static func quantity(_ range: ClosedRange<Value>) -> ConfigurationType {
        let last = range.upperBound.description
        return ConfigurationType(
            accepted: "`\"\(range.lowerBound)\"`…" + (last == "unlimited" ? ", `\"unlimited\"`" : "`\"\(last)\"`"),
            read: { table, key throws(PolicyError) in try table.quantity(key, in: range) },
            show: { .text($0.description) })
    }
}

extension ConfigurationType where Value: RawRepresentable<String> & CaseIterable & SendableMetatype {
    static var choice: ConfigurationType {
        ConfigurationType(
            accepted: Value.allCases.map { "`\"\($0.rawValue)\"`" }.joined(separator: ", "),
            read: { table, key throws(PolicyError) in try table.choice(key) }, show: { .text($0.rawValue) })
    }
}

extension ConfigurationType where Value == String {
    /// Not empty; whether it leads anywhere is found out by whoever uses it.
    static func text(_ accepted: String) -> ConfigurationType {
        ConfigurationType(
            accepted: accepted, read: { table, key throws(PolicyError) in try table.nonEmptyText(key) },
            show: { .text($0) })
    }
}

extension ConfigurationType where Value == String? {
    static func optionalText(_ accepted: String) -> ConfigurationType {
        ConfigurationType(
            accepted: accepted, read: { table, key throws(PolicyError) in try table.nonEmptyText(key) },
            show: { $0.map(ConfigurationValue.text) ?? .none })
    }
}
