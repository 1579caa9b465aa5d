import Agents
import Testing

@Suite struct LookupTests {
    let tree = TestTree()

    private func code(_ body: () throws -> Void) -> AgentError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? AgentError)?.code }
    }

    @Test func aProgramIsItselfAndNothingMore() throws {
        let program = tree.program("bin/tool")
        let found = try tree.lookup(path: "empty", "bin").find("tool")
        #expect(found.path == program && found.visible == [program] && found.prefix == ["tool"] && found.files.isEmpty)
    }

    @Test func chainsOfLinksAreFollowedToTheEnd() throws {
        let program = tree.program("home/.local/share/claude/versions/2.1.327")
        tree.link("home/.local/share/claude/current", to: "versions/2.1.327")
        tree.link("home/.local/bin/claude", to: "../share/claude/current")
        tree.link("bin/claude", to: tree.path("home/.local/bin/claude"))
        let found = try tree.lookup(path: "bin").find("claude")
        #expect(found.path == program && found.visible == [program])
    }

    @Test func aScriptShowsItsPackageAndItsInterpreter() throws {
        let node = tree.program("home/.nvm/versions/node/v22/bin/node")
        tree.file("home/.nvm/lib/node_modules/@scope/tool/package.json", "{}", mode: 0o644)
        let script = tree.file("home/.nvm/lib/node_modules/@scope/tool/dist/cli.js", "#!/usr/bin/env node\n")
        tree.link("home/.nvm/versions/node/v22/bin/tool", to: "../../../../lib/node_modules/@scope/tool/dist/cli.js")
        let found = try tree.lookup(path: "home/.nvm/versions/node/v22/bin").find("tool")
        #expect(found.path == node)
        #expect(found.prefix == [tree.path("home/.nvm/versions/node/v22/bin/node"), script])
        #expect(found.visible == [node, tree.path("home/.nvm/lib/node_modules/@scope/tool")])
    }

    @Test(
        arguments: [
            ("#!INTERP", []), ("#! INTERP", []), ("#!INTERP -u  -v \r", ["-u  -v"]),
            ("#!/usr/bin/env -S interp -u -v", ["-u", "-v"]),
            ("#!/usr/bin/env interp", []), ("#!\t/bin/env\tinterp", []),
        ] as [(String, [String])])
    func firstLines(line: String, arguments: [String]) throws {
        let interpreter = tree.program("tools/interp")
        let text = line.replacing("INTERP", with: interpreter)
        let script = tree.file("pkg/run", "\(text)\necho\n")
        let found = try tree.lookup(path: "pkg", "tools").find("run")
        #expect(found.path == interpreter)
        #expect(Array(found.prefix.dropFirst()) == arguments + [script])
        #expect(found.visible == [interpreter, tree.path("pkg")])
    }

    @Test func aScriptMayBeRunByAScript() throws {
        let program = tree.program("a/base")
        let middle = tree.file("b/middle", "#!\(program) -x\n")
        let script = tree.file("c/outer", "#!\(middle) -y\n")
        let found = try tree.lookup(path: "c").find("outer")
        #expect(found.path == program && found.prefix == [program, "-x", middle, "-y", script])
        #expect(found.visible == [program, tree.path("b"), tree.path("c")])
        tree.file("d/loop", "#!\(tree.path("d/loop"))\n")
        #expect(code { _ = try tree.lookup(path: "d").find("loop") } == .notExecutable)
    }

    /// CPython finds its packages from argv[0], so both the name it has there and the folder have to stay.
    @Test func aPythonEnvironmentIsShownWhole() throws {
        let python = tree.program("usr/bin/python3.11")
        tree.file("home/venvs/aider/pyvenv.cfg", mode: 0o644)
        let link = tree.link("home/venvs/aider/bin/python", to: python)
        let script = tree.file("home/venvs/aider/bin/aider", "#!\(link)\n")
        tree.link("home/.local/bin/aider", to: script)
        let found = try tree.lookup(path: "home/.local/bin").find("aider")
        #expect(found.path == python && found.prefix == [link, script])
        #expect(found.visible == [python, tree.path("home/venvs/aider"), tree.path("home/venvs/aider/bin")])
    }

    @Test func aWholeHomeIsNeverShown() throws {
        let interpreter = tree.program("bin/sh")
        let script = tree.file("home/run", "#!\(interpreter)\n")
        tree.file("home/package.json", "{}")
        let lookup = ExecutableLookup(path: tree.path("home"), home: tree.path("home"), workingDirectory: "/")
        #expect(try lookup.find("run").visible == [interpreter, script])
        let below = tree.file("home/deep/er/run", "#!\(interpreter)\n")
        #expect(try lookup.find(below).visible == [interpreter, tree.path("home/deep/er")])
    }

    @Test func whatIsMissingIsNotFoundWithItsHint() throws {
        let lookup = tree.lookup(path: "bin", "nowhere")
        for name in ["claude", "./claude", "/nonexistent/claude", "", "a\0b"] {
            do {
                _ = try lookup.find(name, hint: "install it")
                Issue.record("\(name) was found")
            } catch { #expect(error.code == .notFound && error.hint == "install it") }
        }
        tree.link("bin/claude", to: "gone")
        #expect(code { _ = try lookup.find("claude") } == .notFound)
    }

    @Test func whatIsThereButNoProgramIsNotExecutable() throws {
        let lookup = tree.lookup(path: "bin")
        tree.folder("bin/folder")
        tree.file("bin/plain", "\u{7F}ELF", mode: 0o644)
        tree.file("bin/empty")
        tree.file("bin/text", "echo hello\n")
        tree.file("bin/nobody", "#!/nonexistent/interpreter\n")
        tree.file("bin/nameless", "#!\n")
        tree.file("bin/envless", "#!/usr/bin/env nonexistent-interpreter\n")
        tree.link("bin/circle", to: "circle")
        for name in ["folder", "plain", "empty", "text", "nobody", "nameless", "envless", "circle"] {
            #expect(code { _ = try lookup.find(name) } == .notExecutable, "\(name)")
            #expect(code { _ = try lookup.find("bin/\(name)") } == .notExecutable, "bin/\(name)")
        }
    }

    @Test func aLaterEntryOfPathIsTakenWhenAnEarlierIsNoProgram() throws {
        tree.folder("a/tool")
        tree.file("b/tool", mode: 0o644)
        let program = tree.program("c/tool")
        #expect(try tree.lookup(path: "a", "b", "c").find("tool").path == program)
    }

    @Test func theCurrentDirectoryIsNoPlaceToLook() throws {
        tree.program("tool")
        for path in ["", ":", ".", "::.:sub"] {
            let lookup = ExecutableLookup(path: path, home: "/", workingDirectory: tree.root)
            #expect(code { _ = try lookup.find("tool") } == .notFound, "PATH=\(path)")
        }
    }
}
