/// The text of a policy file, with what is needed to say where something stands in it.
struct PolicySource {
    /// The path of the file, or `built-in NAME`.
    let file: String
    let text: String
    private let lines: [String: Int]

    init(file: String, text: String) {
        self.file = file
        self.text = text
        lines = Self.index(text)
    }

    /// The line, counted from 1, on which a dotted key is given; else that of the nearest key or table around it.
    func line(of key: String) -> Int {
        var parts = key.split(separator: ".")
        while !parts.isEmpty {
            if let line = lines[parts.joined(separator: ".")] { return line }
            parts.removeLast()
        }
        return 1
    }

    func failure(_ key: String, _ message: String, bound: String, found: String, hint: String? = nil) -> PolicyError {
        let line = line(of: key)
        return PolicyError(
            .config, "\(file):\(line): \(key): \(message)", hint: hint,
            detail: ["file": file, "line": String(line), "key": key, "bound": bound, "found": found])
    }

    /// The parser keeps no positions, so the keys are found again: a header opens a table, `name =` names a key.
    private static func index(_ text: String) -> [String: Int] {
        var lines: [String: Int] = [:]
        var table = ""
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let trimmed = line.drop { $0 == " " || $0 == "\t" }
            if trimmed.hasPrefix("["), let end = trimmed.firstIndex(of: "]") {
                table = dotted(trimmed[..<end].drop { $0 == "[" })
                note(table, number + 1, in: &lines)
            } else if let equals = trimmed.firstIndex(of: "="), !trimmed.hasPrefix("#") {
                let key = dotted(trimmed[..<equals])
                note(table.isEmpty ? key : table + "." + key, number + 1, in: &lines)
            }
        }
        return lines
    }

    private static func note(_ key: String, _ line: Int, in lines: inout [String: Int]) {
        if lines[key] == nil { lines[key] = line }
    }

    private static func dotted(_ text: Substring) -> String {
        String(text.filter { !" \t\r\"'".contains($0) })
    }
}
