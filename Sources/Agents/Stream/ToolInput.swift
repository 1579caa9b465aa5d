/// The one argument of a tool's use that tells a person most about it.
struct ToolInput: Decodable {
    let summary: String

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// What Claude Code's own tools call their main argument, most telling first.
    private static let telling = [
        "command", "file_path", "notebook_path", "path", "pattern", "url", "query", "skill", "description", "prompt",
    ]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Name.self)
        let others = container.allKeys.map(\.stringValue).filter { !Self.telling.contains($0) }.sorted()
        for name in Self.telling + others {
            if let text = try? container.decode(String.self, forKey: Name(stringValue: name)), !text.isEmpty {
                summary = PlainText.oneLine(text)
                return
            }
        }
        summary = ""
    }
}
