import Toml

/// One table of a policy file, read key by key; what is missing is inherited or an error.
struct PolicyTable {
    let source: PolicySource
    /// The dotted name; empty at the top.
    let path: String
    private let table: TomlTable

    private init(source: PolicySource, path: String, table: TomlTable) {
        self.source = source
        self.path = path
        self.table = table
    }

    /// The top of a file.
    init(_ source: PolicySource) {
        self.init(source: source, path: "", table: source.root)
    }

    /// A table below this one; a missing one is empty, so that its keys are inherited or reported.
    func table(_ key: String) throws(PolicyError) -> PolicyTable {
        guard let value = table[key] else {
            return PolicyTable(source: source, path: name(key, at: path), table: .empty)
        }
        guard let inner = value.table else { throw wrongType(key, "a table", value) }
        return PolicyTable(source: source, path: name(key, at: path), table: inner)
    }

    /// Refuses every key but `keys`; returns the table itself.
    func only(_ keys: [String]) throws(PolicyError) -> PolicyTable {
        guard let stranger = table.entries.filter({ !keys.contains($0.key) }).min(by: { $0.value.line < $1.value.line })
        else { return self }
        throw source.unknownKey(name(stranger.key, at: path), line: stranger.value.line, known: keys)
    }

    func has(_ key: String) -> Bool { table[key] != nil }

    func isTable(_ key: String) -> Bool { table[key]?.table != nil }

    func text(_ key: String, inherit: String? = nil) throws(PolicyError) -> String {
        guard let value = table[key] else { return try inherited(inherit, key) }
        guard let text = value.string else { throw wrongType(key, "a string", value) }
        return text
    }

    func nonEmptyText(_ key: String) throws(PolicyError) -> String {
        let text = try text(key)
        guard !text.isEmpty else { throw failure(key, "is empty", bound: "a text", found: "") }
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

    /// Nil for the word `unlimited`.
    func integerOrUnlimited(_ key: String, in range: ClosedRange<Int>) throws(PolicyError) -> Int? {
        let accepted = "an integer, or the word unlimited"
        guard let found = table[key], found.integer == nil else { return try integer(key, in: range) }
        guard let text = found.string else { throw wrongType(key, accepted, found) }
        guard text == "unlimited" else {
            throw failure(key, "'\(text)' is not valid; accepted: \(accepted)", bound: accepted, found: text)
        }
        return nil
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

    /// A list of strings, each as `read` has it; `{ add, remove }` changes the inherited list.
    ///
    /// - Parameter adding: whether a plain list adds to the inherited one rather than replacing it.
    func texts(
        _ key: String, inherit: [String]? = nil, adding: Bool = false, read: (String) throws(TextProblem) -> String
    ) throws(PolicyError) -> [String] {
        try list(key, inherit: inherit, adding: adding, identity: { $0 }) { element throws(PolicyError) in
            guard let text = element.string else { throw wrongType(key, "a list of strings", element) }
            return try accepted(key, text, line: element.line, read)
        }
    }

    /// A list of paths, or of tables with `path` and `optional`; `{ add, remove }` changes the inherited list.
    func grants(
        _ key: String, inherit: [PathGrant]? = nil, read: (String) throws(TextProblem) -> String
    ) throws(PolicyError) -> [PathGrant] {
        try list(key, inherit: inherit, adding: false, identity: \.path) { element throws(PolicyError) in
            if let path = element.string { return PathGrant(path: try accepted(key, path, line: element.line, read)) }
            guard let table = element.table else {
                throw wrongType(key, "a list of paths, or of { path, optional }", element)
            }
            let inner = try PolicyTable(source: source, path: name(key, at: path), table: table).only([
                "path", "optional",
            ])
            return PathGrant(
                path: try accepted(key, try inner.text("path"), line: element.line, read),
                optional: try inner.flag("optional", inherit: false))
        }
    }

    private func list<Element>(
        _ key: String, inherit: [Element]?, adding: Bool, identity: (Element) -> String,
        element: (TomlValue) throws(PolicyError) -> Element
    ) throws(PolicyError) -> [Element] {
        func elements(_ values: [TomlValue]) throws(PolicyError) -> [Element] {
            guard values.count <= Self.longestList else {
                throw failure(
                    key, "a list of \(values.count) is too long", bound: "at most \(Self.longestList) elements",
                    found: String(values.count))
            }
            var result: [Element] = []
            var known: Set<String> = []
            for value in values {
                let next = try element(value)
                guard known.insert(identity(next)).inserted else {
                    throw failure(
                        key, "'\(identity(next))' is given twice", bound: "each once", found: identity(next),
                        line: value.line)
                }
                result.append(next)
            }
            return result
        }
        guard let found = table[key] else { return try inherited(inherit, key) }
        if let values = found.array {
            let given = try elements(values)
            guard adding, let inherit else { return given }
            return inherit + given.filter { new in !inherit.contains { identity($0) == identity(new) } }
        }
        guard found.table != nil else { throw wrongType(key, "a list, or { add, remove }", found) }
        guard let inherit else {
            throw failure(
                key, "there is nothing to add to or to remove from: the policy extends none", bound: "a list",
                found: "table")
        }
        let change = try table(key).only(["add", "remove"])
        let added = try elements(try change.array("add"))
        let removed = try elements(try change.array("remove"))
        for item in removed where !inherit.contains(where: { identity($0) == identity(item) }) {
            throw failure(
                key, "'\(identity(item))' cannot be removed: it is not in the list", bound: "an element of the list",
                found: identity(item))
        }
        let changed = (added + removed).map(identity)
        for item in added where removed.contains(where: { identity($0) == identity(item) }) {
            throw failure(
                key, "'\(identity(item))' is added and removed", bound: "one of the two", found: identity(item))
        }
        return inherit.filter { !changed.contains(identity($0)) } + added
    }

    /// Far above what anybody writes, and few enough mounts for a kernel (fs.mount-max is 100000).
    private static let longestList = 1_024

    /// The values of a list; none where it is missing.
    private func array(_ key: String) throws(PolicyError) -> [TomlValue] {
        guard let value = table[key] else { return [] }
        guard let array = value.array else { throw wrongType(key, "a list", value) }
        return array
    }

    private func accepted(
        _ key: String, _ text: String, line: Int, _ read: (String) throws(TextProblem) -> String
    ) throws(PolicyError) -> String {
        do throws(TextProblem) {
            return try read(text)
        } catch {
            throw failure(key, "'\(text)' \(error.reason)", bound: error.reason, found: text, line: line)
        }
    }

    /// A table of any names to strings.
    func dictionary(
        _ key: String, inherit: [String: String]? = nil, check: (String) -> String?
    ) throws(PolicyError) -> [String: String] {
        guard let found = table[key] else { return try inherited(inherit, key) }
        guard let inner = found.table else { throw wrongType(key, "a table of strings", found) }
        guard inner.entries.count <= Self.longestList else {
            throw failure(
                key, "a table of \(inner.entries.count) is too long", bound: "at most \(Self.longestList) entries",
                found: String(inner.entries.count))
        }
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

    func failure(_ key: String, _ message: String, bound: String, found: String, line: Int? = nil) -> PolicyError {
        source.failure(name(key, at: path), message, bound: bound, found: found, line: line)
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
