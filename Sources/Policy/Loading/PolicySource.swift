import Toml

/// A policy file that has been read as TOML, and where in it everything stands.
struct PolicySource: Equatable {
    /// The path of the file, or `built-in NAME`.
    let file: String
    let text: String
    let root: TomlTable

    init(file: String, text: String) throws(PolicyError) {
        self.file = file
        self.text = text
        do {
            root = try TomlParser.parse(text)
        } catch {
            let place = error.key.isEmpty ? "" : Self.shortened(error.key) + ": "
            throw PolicyError(
                .config, Self.shortened("\(file):\(error.line): \(place)\(error.message)", to: 1_000),
                detail: [
                    "file": file, "line": String(error.line), "key": Self.shortened(error.key),
                    "bound": "TOML, each key once", "found": Self.shortened(error.message),
                ])
        }
    }

    /// Whether the file itself has a dotted key.
    func says(_ key: String) -> Bool { value(key) != nil }

    func value(_ key: String) -> TomlValue? {
        var value: TomlValue?
        var table: TomlTable? = root
        for component in key.split(separator: ".") {
            value = table?[String(component)]
            table = value?.table
        }
        return value
    }

    /// An error at a dotted key, on its line or that of the nearest table around it.
    func failure(
        _ key: String, _ message: String, bound: String, found: String, hint: String? = nil, line: Int? = nil
    ) -> PolicyError {
        let line = line ?? root.line(of: key.split(separator: ".").map(String.init))
        let (key, found) = (Self.shortened(key), Self.shortened(found))
        return PolicyError(
            .config, Self.shortened("\(file):\(line): \(key): \(message)", to: 1_000), hint: hint,
            detail: ["file": file, "line": String(line), "key": key, "bound": bound, "found": found])
    }

    /// What people read; a key may have a quarter of a million letters.
    private static func shortened(_ text: String, to most: Int = 300) -> String {
        text.utf8.count <= most ? text : text.prefix(most) + "…"
    }

    func unknownKey(_ key: String, line: Int, known: [String]) -> PolicyError {
        let path = key.split(separator: ".").dropLast().joined(separator: ".")
        let list = known.joined(separator: ", ")
        return failure(
            key, "unknown key", bound: list, found: key.split(separator: ".").last.map(String.init) ?? key,
            hint: "known \(path.isEmpty ? "at the top" : "in [\(path)]"): \(list)", line: line)
    }
}
