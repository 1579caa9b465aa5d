import MCP
import OrderedCollections
import Toml

/// The text of a client's file, as far as it is about one server.
package struct ClientConfiguration: Sendable {
    private let client: ClientProgram
    private let place: ClientProgram.Place
    private let variables: [String]

    /// - Parameter variables: names of what the server needs of the environment, for clients that do not hand down all of theirs.
    package init(_ client: ClientProgram, _ place: ClientProgram.Place, variables: [String] = []) {
        self.client = client
        self.place = place
        self.variables = variables
    }

    /// The whole text of a file that has nothing else in it.
    package func text(_ entry: ServerEntry) -> String { text(entry, lineEnd: "\n") }

    private func text(_ entry: ServerEntry, lineEnd: String) -> String {
        switch place.syntax {
        case .json(let path, _):
            let layout = JSONLayout(indent: "", unit: "  ", lineEnd: lineEnd, isCompact: false)
            return layout.text(of: path.reversed().reduce(json(entry)) { inner, name in .object([name: inner]) })
                + lineEnd
        case .toml(let table): return TomlEdit.text(table, pairs(entry))
        }
    }

    // MARK: - What an entry is

    private func json(_ entry: ServerEntry) -> JSON {
        .members([
            // Gemini CLI has no such key.
            "type": client == .gemini ? nil : "stdio", "command": .string(entry.command),
            "args": .array(entry.arguments.map(JSON.string)),
        ])
    }

    /// Of Codex: it hands down no more of its environment than HOME, PATH and a few others, and what `env_vars` names. Unless it is told, it
    /// waits 10 s for a server to start and 60 s for an answer (its configuration reference, "mcp_servers"), which a busy machine needs for
    /// a wait of 50 s.
    private func pairs(_ entry: ServerEntry) -> [(key: String, value: String)] {
        [
            ("command", TomlEdit.string(entry.command)), ("args", TomlEdit.list(entry.arguments)),
            ("env_vars", TomlEdit.list(variables)), ("startup_timeout_sec", "30"), ("tool_timeout_sec", "120"),
        ]
    }

    /// Most clients put values in place of what looks like a variable, and have no way to say that it is none.
    func checkVariables(_ entry: ServerEntry) throws(SetupError) {
        guard client != .codex else { return }
        for word in [entry.command] + entry.arguments {
            let isVariable = client == .gemini ? word.contains(/\$[A-Za-z_{]/) : word.contains("${")
            guard !isVariable else {
                throw SetupError(
                    .unsupported, "\(client.title) would put something else in place of the variable in '\(word)'.",
                    hint: "use a path without a dollar sign")
            }
        }
    }

    // MARK: - Reading

    /// - Throws: when the text is not what the client reads.
    func entry(in text: [UInt8]) throws(SetupError) -> ServerEntry? {
        switch place.syntax {
        case .json(let path, let hasComments):
            guard !isBlank(text), let value = try JSONEdit(text, hasComments: hasComments).value(at: path) else {
                return nil
            }
            let arguments = value["args"]?.array ?? []
            guard let command = value["command"]?.string else { return nil }
            return ServerEntry(command: command, arguments: arguments.map { $0.string ?? $0.text })
        case .toml(let table):
            let values = try TomlEdit(text, table: table).values()
            guard let command = values?["command"]?.string else { return nil }
            return ServerEntry(command: command, arguments: values?["args"]?.array?.compactMap(\.string) ?? [])
        }
    }

    // MARK: - Changing

    /// The text with the entry in it.
    func setting(_ entry: ServerEntry, in text: [UInt8]?) throws(SetupError) -> [UInt8] {
        guard let text else { return Array(self.text(entry).utf8) }
        switch place.syntax {
        case .json(let path, let hasComments): return try setting(entry, in: text, path, hasComments)
        case .toml(let table): return try setting(entry, in: text, table)
        }
    }

    private func setting(
        _ entry: ServerEntry, in text: [UInt8], _ path: [String], _ hasComments: Bool
    ) throws(SetupError) -> [UInt8] {
        guard !isBlank(text) else { return text + intoBlank(entry, text) }
        let edit = try JSONEdit(text, hasComments: hasComments)
        guard let present = try edit.value(at: path) else {
            return try edit.setting(path, to: json(entry)).applied(to: text)
        }
        guard present.object != nil else { return try edit.setting(path, to: json(entry)).applied(to: text) }
        for key in ["url", "httpUrl", "serverUrl"] where present[key] != nil { throw isReachedOtherwise(key) }
        if let type = present["type"]?.string, type != "stdio" { throw isReachedOtherwise("type") }
        let changed = try edit.setting(path + ["command"], to: .string(entry.command)).applied(to: text)
        return try JSONEdit(changed, hasComments: hasComments)
            .setting(path + ["args"], to: .array(entry.arguments.map(JSON.string))).applied(to: changed)
    }

    private func setting(_ entry: ServerEntry, in text: [UInt8], _ table: [String]) throws(SetupError) -> [UInt8] {
        let edit = try TomlEdit(text, table: table)
        guard let present = edit.values() else { return edit.appending(pairs(entry)).applied(to: text) }
        if edit.has("url") { throw isReachedOtherwise("url") }
        var changed = text
        if present["args"]?.array?.map(\.string) != entry.arguments {
            changed = edit.setting("args", to: TomlEdit.list(entry.arguments)).applied(to: changed)
        }
        if present["command"]?.string != entry.command {
            changed = try TomlEdit(changed, table: table).setting("command", to: TomlEdit.string(entry.command))
                .applied(to: changed)
        }
        return changed
    }

    private func isReachedOtherwise(_ key: String) -> SetupError {
        let name =
            switch place.syntax {
            case .json(let path, _): path.last ?? ""
            case .toml(let table): table.last ?? ""
            }
        return SetupError(
            .unchangeable, "the server '\(name)' there is not one that is started: it has '\(key)'",
            hint: "choose another --name, or take it out first: claudine mcp uninstall")
    }

    /// The text without the entry; nil for a file that had nothing else in it because it was made for it.
    func removing(from text: [UInt8]) throws(SetupError) -> [UInt8]? {
        switch place.syntax {
        case .json(let path, let hasComments):
            guard !isBlank(text) else { return text }
            if let entry = try entry(in: text) {
                if text == Array(self.text(entry).utf8) { return nil }
                let own = intoBlank(entry, text)
                let before = Array(text.dropLast(own.count))
                if isBlank(before), text.suffix(own.count) == own[...] { return before }
            }
            return try JSONEdit(text, hasComments: hasComments).removing(path).applied(to: text)
        case .toml(let table):
            let after = try TomlEdit(text, table: table).removing().applied(to: text)
            // What was put into an empty file has an empty line before it.
            let wasMade = after.isEmpty && text.first == UInt8(ascii: "[")
            return wasMade ? nil : after
        }
    }

    /// Without an end of its last line, which tells it from a file that was not there.
    private func intoBlank(_ entry: ServerEntry, _ text: [UInt8]) -> [UInt8] {
        let lineEnd = LineEnd.of(text)
        return Array(self.text(entry, lineEnd: lineEnd).utf8.dropLast(lineEnd.utf8.count))
    }

    private func isBlank(_ text: [UInt8]) -> Bool { text[JSONPlaces.start(of: text)...].allSatisfy(JSONPlaces.isSpace) }
}
