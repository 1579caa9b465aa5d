import Toml

/// One table of config.toml, read key by key; its errors name file, line and key.
struct AgentTable {
    let file: String
    /// The dotted name; empty at the top.
    let path: String
    let table: TomlTable

    static let hint = "docs/agents.md describes the table [agents.NAME]"

    func check(keys: [String]) throws(AgentError) {
        guard let stranger = table.entries.keys.filter({ !keys.contains($0) }).min() else { return }
        throw refused(stranger, "unknown key; known are \(keys.joined(separator: ", "))")
    }

    func string(_ key: String) throws(AgentError) -> String? {
        guard let value = table[key] else { return nil }
        guard let string = value.string else { throw wrongType(key, value, expected: "a string") }
        guard !string.isEmpty else { throw refused(key, "is empty") }
        return string
    }

    func strings(_ key: String, most: Int) throws(AgentError) -> [String]? {
        guard let value = table[key] else { return nil }
        guard let list = value.array else { throw wrongType(key, value, expected: "a list of strings") }
        guard list.count <= most else { throw refused(key, "has \(list.count) entries; at most \(most) are allowed") }
        var strings: [String] = []
        for (index, element) in list.enumerated() {
            guard let string = element.string else {
                throw wrongType("\(key)[\(index)]", element, expected: "a string")
            }
            strings.append(string)
        }
        return strings
    }

    func choice<T: RawRepresentable<String> & CaseIterable>(_ key: String) throws(AgentError) -> T? {
        guard let text = try string(key) else { return nil }
        if let choice = T(rawValue: text) { return choice }
        let choices = T.allCases.map { quoted($0.rawValue) }.joined(separator: ", ")
        throw refused(key, "\(quoted(text)) is not one of \(choices)")
    }

    /// On the key's line, or where it is missing on the table's.
    func refused(_ key: String, _ sentence: String) -> AgentError {
        refused(key, line: table[key]?.line ?? table.line, sentence)
    }

    func wrongType(_ key: String, _ found: TomlValue, expected: String) -> AgentError {
        refused(key, line: found.line, "has to be \(expected), but \(found.typeName) was found")
    }

    private func refused(_ key: String, line: Int, _ sentence: String) -> AgentError {
        let name = path.isEmpty ? key : "\(path).\(key)"
        return AgentError(.configuration, "\(file):\(line): \(name): \(sentence)", hint: Self.hint)
    }
}
