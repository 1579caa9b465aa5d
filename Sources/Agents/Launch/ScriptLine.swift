/// The first line of a script: who is to run it.
struct ScriptLine: Equatable {
    /// A path, or behind `env` a name to be looked up on PATH.
    let interpreter: String
    /// What stands between the interpreter and the script's path.
    let arguments: [String]

    /// Bytes of a file that the kernel looks at (BINPRM_BUF_SIZE).
    static let length = 256

    /// Nil when the bytes do not begin with `#!` and an interpreter.
    init?(start: [UInt8]) {
        guard start.starts(with: [UInt8(ascii: "#"), UInt8(ascii: "!")]) else { return nil }
        let line = String(decoding: start.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }, as: UTF8.self)
        let words = line.split(maxSplits: 1) { $0 == " " || $0 == "\t" }.map(Self.trimmed)
        guard let first = words.first, !first.isEmpty else { return nil }
        let rest = words.count > 1 ? words[1] : ""
        guard first.split(separator: "/").last == "env", !rest.isEmpty else {
            // The kernel hands everything behind the interpreter on as one argument.
            interpreter = first
            arguments = rest.isEmpty ? [] : [rest]
            return
        }
        var named = rest.split { $0 == " " || $0 == "\t" }.map(String.init)
        if named.first == "-S" || named.first == "--split-string" {
            named.removeFirst()
        } else if rest.contains(where: { $0 == " " || $0 == "\t" }) {
            // Without -S, env would look for a program whose name has a space.
            named = [rest]
        }
        guard let name = named.first, !name.hasPrefix("-"), !name.contains("=") else { return nil }
        interpreter = name
        arguments = Array(named.dropFirst())
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop { $0 == " " || $0 == "\t" }
        return String(start.reversed().drop { $0 == " " || $0 == "\t" || $0 == "\r" }.reversed())
    }
}
