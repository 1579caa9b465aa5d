import Logging
import Store

/// Writes a JSON object a line: `time` (RFC 3339, UTC, milliseconds), `level`, `message`, `event`, `task` and `attempt` where there are
/// any, then the rest by name, then `dropped` where lines before this one could not be written.
struct JSONLogHandler: LogHandler {
    let lines: LineWriter
    var logLevel: Logger.Level
    let now: @Sendable () -> Timestamp
    var metadata: Logger.Metadata = [:]

    init(lines: LineWriter, logLevel: Logger.Level, now: @escaping @Sendable () -> Timestamp) {
        self.lines = lines
        self.logLevel = logLevel
        self.now = now
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let facts = metadata.merging(event.metadata ?? [:]) { _, own in own }
        // The time is taken when it is this line's turn, so that times never run backwards between lines.
        lines.write { dropped in
            var members = [
                ("time", JSONLine.quoted(now().rfc3339)), ("level", JSONLine.quoted(event.level.rawValue)),
                ("message", JSONLine.quoted(event.message.description)),
            ]
            members += facts.sorted { (Self.place($0.key), $0.key) < (Self.place($1.key), $1.key) }
                .map { ($0.key, JSONLine.value($0.value)) }
            if dropped > 0 { members.append(("dropped", String(dropped))) }
            return JSONLine.object(members)
        }
    }

    private static func place(_ key: String) -> Int { ["event", "task", "attempt"].firstIndex(of: key) ?? 3 }
}

/// The JSON of a line, in the order it is given.
private enum JSONLine {
    static func object(_ members: [(String, String)]) -> String {
        "{" + members.map { "\(quoted($0.0)):\($0.1)" }.joined(separator: ",") + "}"
    }

    static func value(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): quoted(text)
        case .stringConvertible(let number as any FixedWidthInteger): String(describing: number)
        case .stringConvertible(let other): quoted(other.description)
        case .array(let values): "[" + values.map(Self.value).joined(separator: ",") + "]"
        case .dictionary(let members):
            object(members.sorted { $0.key < $1.key }.map { ($0.key, Self.value($0.value)) })
        }
    }

    /// RFC 8259, 7: quotation mark, reverse solidus and control characters are escaped; DEL and C1 as well, for terminals obey them.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: result += "\\\""
            case 0x5c: result += "\\\\"
            case 0..<0x20, 0x7f...0x9f:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
