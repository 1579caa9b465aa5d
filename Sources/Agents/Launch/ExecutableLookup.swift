import Glibc

/// Finds programs the way the caller's shell would, and says what a cage has to show of the host to run them.
///
/// A script is never executed by its own first line: the cage would look for the interpreter at a path, or on a PATH, that may not
/// exist there. The interpreter is resolved here and becomes the program.
package struct ExecutableLookup: Equatable, Sendable {
    /// The caller's PATH; relative and empty entries are skipped, for an agent must not come out of the current directory.
    package let path: String
    /// The caller's home; no whole home is ever made visible.
    package let home: String
    /// Where a name with a slash that is not absolute begins.
    package let workingDirectory: String

    /// Scripts that name scripts as their interpreters; the kernel's own bound (BINPRM).
    private static let deepestScript = 4

    package init(path: String, home: String, workingDirectory: String) {
        self.path = path
        self.home = home
        self.workingDirectory = workingDirectory
    }

    /// - Parameters:
    ///   - name: a name to look for on PATH, or a path when it has a slash.
    ///   - hint: how to install it.
    package func find(_ name: String, hint: String? = nil) throws(AgentError) -> AgentExecutable {
        let found = try locate(name, hint: hint)
        return try resolve(found, argumentZero: name, depth: 0)
    }

    /// The first entry of PATH that is a program; one that is not is only remembered, as execvp does.
    private func locate(_ name: String, hint: String?) throws(AgentError) -> String {
        guard !name.isEmpty, !name.utf8.contains(0) else {
            throw AgentError(.notFound, "\(quoted(name)) is not the name of a program", hint: hint)
        }
        if name.contains("/") {
            let absolute = name.hasPrefix("/") ? name : "\(workingDirectory)/\(name)"
            switch HostFile.program(absolute) {
            case .program: return absolute
            case .missing: throw AgentError(.notFound, "there is no program \(quoted(absolute))", hint: hint)
            case .unusable(let why): throw AgentError(.notExecutable, "\(quoted(absolute)) \(why)", hint: hint)
            }
        }
        var unusable: (path: String, why: String)?
        for directory in path.split(separator: ":") where directory.hasPrefix("/") {
            let candidate = "\(directory)/\(name)"
            switch HostFile.program(candidate) {
            case .program: return candidate
            case .missing: continue
            case .unusable(let why): unusable = unusable ?? (candidate, why)
            }
        }
        if let unusable {
            throw AgentError(.notExecutable, "\(quoted(unusable.path)) \(unusable.why)", hint: hint)
        }
        throw AgentError(.notFound, "there is no program \(quoted(name)) on PATH", hint: hint)
    }

    private func resolve(_ found: String, argumentZero: String, depth: Int) throws(AgentError) -> AgentExecutable {
        guard let file = HostFile.resolved(found) else {
            throw AgentError(.notFound, "\(quoted(found)) is gone or leads nowhere")
        }
        let start = HostFile.start(of: file)
        if start.starts(with: [0x7F, UInt8(ascii: "E"), UInt8(ascii: "L"), UInt8(ascii: "F")]) {
            return AgentExecutable(
                path: file, prefix: [argumentZero], visible: [file] + virtualEnvironment(of: found), files: [])
        }
        guard let line = ScriptLine(start: start) else {
            throw AgentError(
                .notExecutable, "\(quoted(file)) is neither a program nor a script that begins with #!",
                hint: "see what `file \(file)` says about it")
        }
        guard depth < Self.deepestScript else {
            throw AgentError(.notExecutable, "\(quoted(file)) names a script as its interpreter, too many times over")
        }
        let interpreter = try interpreter(line, of: file, depth: depth)
        let package = VisibleFolder(home: home).folder(of: file)
        return AgentExecutable(
            path: interpreter.path, prefix: interpreter.prefix + line.arguments + [file],
            visible: (interpreter.visible + [package]).reduce(into: []) { if !$0.contains($1) { $0.append($1) } },
            files: [])
    }

    private func interpreter(
        _ line: ScriptLine, of script: String, depth: Int
    ) throws(AgentError) -> AgentExecutable {
        do {
            let found = try locate(line.interpreter, hint: nil)
            // Where it was found, links not followed, is by what a multi-call program or a Python environment knows itself.
            return try resolve(found, argumentZero: found, depth: depth + 1)
        } catch {
            throw AgentError(
                .notExecutable,
                "\(quoted(script)) cannot run: its interpreter \(quoted(line.interpreter)) is missing "
                    + "or unusable (\(error.message))",
                hint: "install \(line.interpreter), or correct the first line of \(script)")
        }
    }

    /// A Python environment (PEP 405) is a folder of packages whose interpreter is a link out of it.
    private func virtualEnvironment(of interpreter: String) -> [String] {
        let folder = VisibleFolder(home: home)
        guard let root = HostFile.resolved(VisibleFolder.parent(VisibleFolder.parent(interpreter))),
            HostFile.exists("\(root)/pyvenv.cfg"), !folder.isShared(root)
        else { return [] }
        return [root]
    }
}
