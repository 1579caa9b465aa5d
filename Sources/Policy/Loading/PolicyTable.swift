import Toml

/// One table of a policy file, read key by key; what is missing is inherited or an error.
struct PolicyTable {
    let source: PolicySource
    /// The dotted name; empty at the top.
    let path: String
    private let table: TomlTable

    /// Every key of the table has to be one of `keys`.
    private init(source: PolicySource, path: String, table: TomlTable, keys: [String]) throws(PolicyError) {
        self.source = source
        self.path = path
        self.table = table
        let strangers = table.entries.keys.filter { !keys.contains($0) }
        guard let key = strangers.min(by: { name($0, at: path) < name($1, at: path) }) else { return }
        throw source.failure(
            name(key, at: path), "unknown key", bound: keys.joined(separator: ", "), found: key,
            hint: "known \(path.isEmpty ? "at the top" : "in [\(path)]"): \(keys.joined(separator: ", "))")
    }

    /// The top of a file.
    init(_ source: PolicySource, keys: [String]) throws(PolicyError) {
        try self.init(source: source, path: "", table: source.root, keys: keys)
    }

    /// A table below this one; a missing one is empty, so that its keys are inherited or reported.
    func table(_ key: String, keys: [String]) throws(PolicyError) -> PolicyTable {
        guard let value = table[key] else {
            return try PolicyTable(source: source, path: name(key, at: path), table: .empty, keys: keys)
        }
        guard let inner = value.table else { throw wrongType(key, "a table", value) }
        return try PolicyTable(source: source, path: name(key, at: path), table: inner, keys: keys)
    }

    func has(_ key: String) -> Bool { table[key] != nil }

    func isTable(_ key: String) -> Bool { table[key]?.table != nil }

    func text(_ key: String, inherit: String? = nil) throws(PolicyError) -> String {
        guard let value = table[key] else { return try inherited(inherit, key) }
        guard let text = value.string else { throw wrongType(key, "a string", value) }
        return text
    }

    func quantity<Value: TextValue>(
        _ key: String, in range: ClosedRange<Value>, inherit: Value? = nil
    ) throws(PolicyError) -> Value {
        guard let found = table[key] else { return try inherited(inherit, key) }
        guard let text = found.string else { throw wrongType(key, "a string: \(Value.accepted)", found) }
        let value: Value
        do {
            value = try Value(parsing: text)
        } catch {
            throw failure(key, "\(error)", bound: Value.accepted, found: text)
        }
        guard range.contains(value) else { throw outOfBounds(key, range, text) }
        return value
    }

    func integer(_ key: String, in range: ClosedRange<Int>, inherit: Int? = nil) throws(PolicyError) -> Int {
        guard let found = table[key] else { return try inherited(inherit, key) }
        guard let value = found.integer else { throw wrongType(key, "an integer", found) }
        guard range.contains(value) else { throw outOfBounds(key, range, String(value)) }
        return value
    }

    func flag(_ key: String, inherit: Bool? = nil) throws(PolicyError) -> Bool {
        guard let found = table[key] else { return try inherited(inherit, key) }
        guard let value = found.boolean else { throw wrongType(key, "true or false", found) }
        return value
    }

    /// One of an enumeration's words; a reserved word is refused with its own reason.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, reserved: [String: String] = [:], inherit: Choice? = nil
    ) throws(PolicyError) -> Choice {
        let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        guard let found = table[key] else { return try inherited(inherit, key) }
        guard let text = found.string else { throw wrongType(key, "one of \(words)", found) }
        if let choice = Choice(rawValue: text) { return choice }
        if let reason = reserved[text] { throw failure(key, reason, bound: words, found: text) }
        throw failure(key, "'\(text)' is not one of \(words)", bound: words, found: text)
    }

    /// A list of strings, each accepted by `check`, which gives the reason where it does not.
    func texts(
        _ key: String, inherit: [String]? = nil, check: (String) -> String?
    ) throws(PolicyError) -> [String] {
        guard let found = table[key] else { return try inherited(inherit, key) }
        guard let array = found.array else { throw wrongType(key, "a list of strings", found) }
        var result: [String] = []
        for element in array {
            guard let text = element.string else { throw wrongType(key, "a list of strings", element) }
            if let reason = check(text) { throw failure(key, "'\(text)' \(reason)", bound: reason, found: text) }
            guard !result.contains(text) else {
                throw failure(key, "'\(text)' is given twice", bound: "each once", found: text)
            }
            result.append(text)
        }
        return result
    }

    /// A list of paths, or of tables with `path` and `optional`.
    func grants(
        _ key: String, inherit: [PathGrant]? = nil, check: (String) -> String?
    ) throws(PolicyError) -> [PathGrant] {
        guard let found = table[key] else { return try inherited(inherit, key) }
        guard let array = found.array else { throw wrongType(key, "a list of paths", found) }
        var result: [PathGrant] = []
        for element in array {
            var grant: PathGrant
            if let path = element.string {
                grant = PathGrant(path: path)
            } else if let table = element.table {
                let inner = try PolicyTable(
                    source: source, path: name(key, at: path), table: table, keys: ["path", "optional"])
                grant = PathGrant(path: try inner.text("path"), optional: try inner.flag("optional", inherit: false))
            } else {
                throw wrongType(key, "a list of paths, or of { path, optional }", element)
            }
            if let reason = check(grant.path) {
                throw failure(key, "'\(grant.path)' \(reason)", bound: reason, found: grant.path)
            }
            result.append(grant)
        }
        return result
    }

    /// A table of any names to strings.
    func dictionary(
        _ key: String, inherit: [String: String]? = nil, check: (String) -> String?
    ) throws(PolicyError) -> [String: String] {
        guard let found = table[key] else { return try inherited(inherit, key) }
        guard let inner = found.table else { throw wrongType(key, "a table of strings", found) }
        var result: [String: String] = [:]
        for (name, value) in inner.entries.sorted(by: { $0.key < $1.key }) {
            guard let text = value.string else {
                throw failure(key, "'\(name)' has to be a string", bound: "a table of strings", found: name)
            }
            if let reason = check(name) { throw failure(key, "'\(name)' \(reason)", bound: reason, found: name) }
            result[name] = text
        }
        return result
    }

    func failure(_ key: String, _ message: String, bound: String, found: String) -> PolicyError {
        source.failure(name(key, at: path), message, bound: bound, found: found)
    }

    func inherited<Value>(_ value: Value?, _ key: String) throws(PolicyError) -> Value {
        guard let value else {
            let rule =
                path.isEmpty && ["schema", "name", "description"].contains(key)
                ? "every policy file needs schema, name and description"
                : "a policy without 'extends' has to say everything"
            throw failure(key, "missing; \(rule)", bound: "given", found: "")
        }
        return value
    }

    private func outOfBounds<Value>(_ key: String, _ range: ClosedRange<Value>, _ found: String) -> PolicyError {
        let bound = "\(range.lowerBound) to \(range.upperBound)"
        return failure(key, "\(found) is out of bounds (\(bound))", bound: bound, found: found)
    }

    private func wrongType(_ key: String, _ expected: String, _ found: TomlValue) -> PolicyError {
        failure(
            key, "has to be \(expected), but \(found.typeName) was found", bound: expected, found: found.typeName)
    }
}

private func name(_ key: String, at path: String) -> String { path.isEmpty ? key : path + "." + key }
