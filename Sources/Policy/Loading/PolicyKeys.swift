import Toml

/// The keys of policy files, as the table of fields has them.
///
/// Looked for before any value is read, so that a misspelt key is reported as such and not as the absence of the right one.
enum PolicyKeys {
    /// Refuses the first key, by its line, that is neither in `head` nor a field's.
    static func check(_ source: PolicySource, besides head: [String]) throws(PolicyError) {
        var strangers: [(key: String, line: Int, known: [String])] = []
        collect(source.root, at: "", head, into: &strangers)
        guard let first = strangers.min(by: { ($0.line, $0.key) < ($1.line, $1.key) }) else { return }
        throw source.unknownKey(first.key, line: first.line, known: first.known)
    }

    private static func collect(
        _ table: TomlTable, at path: String, _ head: [String],
        into strangers: inout [(key: String, line: Int, known: [String])]
    ) {
        let known = (path.isEmpty ? head : []) + children(of: path)
        for (key, value) in table.entries {
            let name = path.isEmpty ? key : "\(path).\(key)"
            guard known.contains(key) else {
                strangers.append((name, value.line, known))
                continue
            }
            // The value of a field may be a table too: whoever reads it knows what is in it.
            guard PolicyField.named(name) == nil, let inner = value.table else { continue }
            collect(inner, at: name, head, into: &strangers)
        }
    }

    /// The next components of all fields below a path, each once and in their order.
    private static func children(of path: String) -> [String] {
        let depth = path.split(separator: ".").count
        var names: [String] = []
        for field in PolicyField.all where path.isEmpty || field.key.hasPrefix(path + ".") {
            let name = String(field.key.split(separator: ".")[depth])
            if !names.contains(name) { names.append(name) }
        }
        return names
    }
}
