import TOMLKit

/// Reads `[agents.NAME]` tables strictly: what is not understood is refused, never skipped.
struct AgentTables {
    let file: String

    private static let keys: Set<String> = ["argv", "prompt", "result", "env", "model"]
    /// Arguments of a template; far above any command line, far below ARG_MAX.
    private static let mostArguments = 256
    private static let mostEnvironmentNames = 64

    func definitions(in text: String) throws(AgentError) -> [AgentDefinition] {
        let root: TOMLTable
        do {
            root = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw refused("line \(error.source.begin.line): \(error.description)")
        } catch {
            throw refused("it is not TOML: \(error)")
        }
        guard let agents = root["agents"] else { return [] }
        guard let tables = agents.table else { throw refused("agents", agents, expected: "a table") }
        var definitions: [AgentDefinition] = []
        for name in tables.keys.sorted() {
            guard let value = tables[name] else { continue }
            guard let table = value.table else { throw refused("agents.\(name)", value, expected: "a table") }
            definitions.append(try definition(name, table))
        }
        return definitions
    }

    private func definition(_ name: String, _ table: TOMLTable) throws(AgentError) -> AgentDefinition {
        let key = "agents.\(name)"
        guard Self.isName(name) else {
            throw refused("\(key): a name is 1 to 32 of a-z, 0-9 and -, and begins with a letter")
        }
        guard ![AgentDefinition.claude.name, AgentDefinition.demo.name, "command"].contains(name) else {
            throw refused("\(key): this name is built in, choose another one")
        }
        for unknown in table.keys.sorted() where !Self.keys.contains(unknown) {
            throw refused(
                "\(key).\(unknown) is not a key of an agent; the keys are \(Self.keys.sorted().joined(separator: ", "))"
            )
        }
        let template = AgentTemplate(
            arguments: try strings(table, key, "argv", most: Self.mostArguments) ?? [],
            prompt: try choice(table, key, "prompt") ?? .argument,
            defaultModel: try string(table, key, "model"))
        try check(template, key)
        let names = try strings(table, key, "env", most: Self.mostEnvironmentNames) ?? []
        for name in names where !Self.isVariable(name) {
            throw refused("\(key).env has \(quoted(name)), which is not the name of a variable")
        }
        return AgentDefinition(
            name: name, kind: .template(template), format: try choice(table, key, "result") ?? .text,
            environmentNames: names)
    }

    /// What a template needs so that every task either gets its prompt exactly once or is refused here.
    private func check(_ template: AgentTemplate, _ key: String) throws(AgentError) {
        guard let program = template.arguments.first, !program.isEmpty else {
            throw refused(
                "\(key).argv is missing or empty; it is the program and its arguments, as an array of strings")
        }
        guard !program.contains("{") else {
            throw refused("\(key).argv begins with \(quoted(program)), not with a program")
        }
        for argument in template.arguments {
            if argument.contains("\0") { throw refused("\(key).argv has a NUL character") }
            if let place = Self.unknownPlace(in: argument) {
                let known = AgentTemplate.Place.allCases.map(\.rawValue).joined(separator: ", ")
                throw refused("\(key).argv has \(place), which means nothing; \(known) are replaced")
            }
        }
        switch template.prompt {
        case .argument where !template.uses(.prompt):
            throw refused("\(key).prompt is \"argument\", but {prompt} is nowhere in argv")
        case .file where !template.uses(.prompt):
            throw refused("\(key).prompt is \"file\", but {prompt}, the file's path, is nowhere in argv")
        case .stdin where template.uses(.prompt):
            throw refused("\(key).prompt is \"stdin\", but argv has {prompt} too")
        default: break
        }
        if template.defaultModel != nil, !template.uses(.model) {
            throw refused("\(key).model is set, but {model} is nowhere in argv")
        }
    }

    private func string(_ table: TOMLTable, _ key: String, _ name: String) throws(AgentError) -> String? {
        guard let value = table[name] else { return nil }
        guard let string = value.string else { throw refused("\(key).\(name)", value, expected: "a string") }
        guard !string.isEmpty else { throw refused("\(key).\(name) is empty") }
        return string
    }

    private func strings(
        _ table: TOMLTable, _ key: String, _ name: String, most: Int
    ) throws(AgentError) -> [String]? {
        guard let value = table[name] else { return nil }
        guard let array = value.array else { throw refused("\(key).\(name)", value, expected: "an array of strings") }
        guard array.count <= most else {
            throw refused("\(key).\(name) has \(array.count) entries; at most \(most) are allowed")
        }
        var strings: [String] = []
        for (index, element) in array.enumerated() {
            guard let string = element.string else {
                throw refused("\(key).\(name)[\(index)]", element, expected: "a string")
            }
            strings.append(string)
        }
        return strings
    }

    private func choice<T: RawRepresentable & CaseIterable>(
        _ table: TOMLTable, _ key: String, _ name: String
    ) throws(AgentError) -> T? where T.RawValue == String {
        guard let text = try string(table, key, name) else { return nil }
        if let choice = T(rawValue: text) { return choice }
        let choices = T.allCases.map { quoted($0.rawValue) }.joined(separator: ", ")
        throw refused("\(key).\(name) is \(quoted(text)); it is one of \(choices)")
    }

    private func refused(_ key: String, _ found: any TOMLValueConvertible, expected: String) -> AgentError {
        refused("\(key) is \(expected), but \(found.type) was found")
    }

    private func refused(_ what: String) -> AgentError {
        AgentError(.configuration, "\(file): \(what)", hint: "docs/agents.md describes the table [agents.NAME]")
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return name.utf8.count <= 32
            && name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) }
    }

    private static func isVariable(_ name: String) -> Bool {
        name.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]{0,127}/) != nil
    }

    /// A word in braces that looks like a place but is none: most likely a typing mistake.
    private static func unknownPlace(in argument: String) -> String? {
        argument.matches(of: /\{[A-Za-z_]+\}/).map { String($0.output) }
            .first { AgentTemplate.Place(rawValue: $0) == nil }
    }
}
