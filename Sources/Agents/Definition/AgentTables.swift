import Toml

/// Reads `[agents.NAME]` tables strictly: what is not understood is refused, never skipped.
struct AgentTables {
    let file: String

    /// Arguments of a template; far above any command line, far below ARG_MAX.
    private static let mostArguments = 256
    private static let mostEnvironmentNames = 64

    func definitions(in text: String) throws(AgentError) -> [AgentDefinition] {
        let root: TomlTable
        do {
            root = try TomlParser.parse(text)
        } catch {
            throw AgentError(.configuration, "\(file):\(error.line): \(error.message)", hint: AgentTable.hint)
        }
        guard let agents = root["agents"] else { return [] }
        let top = AgentTable(file: file, path: "", table: root)
        guard let tables = agents.table else { throw top.wrongType("agents", agents, expected: "a table") }
        let all = AgentTable(file: file, path: "agents", table: tables)
        var definitions: [AgentDefinition] = []
        for (name, value) in tables.entries.sorted(by: { $0.key < $1.key }) {
            guard let inner = value.table else { throw all.wrongType(name, value, expected: "a table") }
            let problem = Self.problem(withName: name)
            if let problem { throw all.refused(name, problem) }
            let table = AgentTable(file: file, path: "agents.\(name)", table: inner)
            definitions.append(try definition(name, table))
        }
        return definitions
    }

    private func definition(_ name: String, _ table: AgentTable) throws(AgentError) -> AgentDefinition {
        try table.check(keys: ["argv", "prompt", "result", "env", "model"])
        let template = AgentTemplate(
            arguments: try table.strings("argv", most: Self.mostArguments) ?? [],
            prompt: try table.choice("prompt") ?? .argument,
            defaultModel: try table.string("model"))
        try check(template, table)
        let names = try table.strings("env", most: Self.mostEnvironmentNames) ?? []
        for name in names where !Self.isVariable(name) {
            throw table.refused("env", "\(quoted(name)) is not the name of a variable")
        }
        return AgentDefinition(
            name: name, kind: .template(template), format: try table.choice("result") ?? .text, environmentNames: names)
    }

    /// What a template needs so that every task either gets its prompt exactly once or is refused here.
    private func check(_ template: AgentTemplate, _ table: AgentTable) throws(AgentError) {
        guard let program = template.arguments.first, !program.isEmpty else {
            throw table.refused("argv", "missing or empty; it is the program and its arguments, as a list of strings")
        }
        guard !program.contains("{") else {
            throw table.refused("argv", "begins with \(quoted(program)), not with a program")
        }
        if let place = template.arguments.lazy.compactMap(Self.unknownPlace).first {
            let known = AgentTemplate.Place.allCases.map(\.rawValue).joined(separator: ", ")
            throw table.refused("argv", "\(place) means nothing; \(known) are replaced")
        }
        switch template.prompt {
        case .argument where !template.uses(.prompt):
            throw table.refused("prompt", "is \"argument\", but {prompt} is nowhere in argv")
        case .file where !template.uses(.prompt):
            throw table.refused("prompt", "is \"file\", but {prompt}, the file's path, is nowhere in argv")
        case .stdin where template.uses(.prompt):
            throw table.refused("prompt", "is \"stdin\", but argv has {prompt} too")
        default: break
        }
        if template.defaultModel != nil, !template.uses(.model) {
            throw table.refused("model", "is set, but {model} is nowhere in argv")
        }
    }

    private static func problem(withName name: String) -> String? {
        let isBuiltIn = [AgentDefinition.claude.name, AgentDefinition.demo.name, "command"].contains(name)
        guard !isBuiltIn else { return "this name is built in, choose another one" }
        let isName = name.wholeMatch(of: /[a-z][a-z0-9-]{0,31}/) != nil
        return isName ? nil : "a name is 1 to 32 of a-z, 0-9 and -, and begins with a letter"
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
