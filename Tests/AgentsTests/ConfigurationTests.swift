import Agents
import Testing

@Suite struct ConfigurationTests {
    @Test func theBuiltInAgentsAreAlwaysThere() throws {
        #expect(AgentLibrary.builtIn.all.map(\.name) == ["claude", "demo"])
        let library = try AgentLibrary(
            configuration: """
                [gateway]
                upstream = "http://localhost:1"
                [agents.zeta]
                argv = ["zeta"]
                prompt = "stdin"
                [agents.alpha]
                argv = ["alpha", "{prompt}"]
                """, file: "config.toml")
        #expect(library.all.map(\.name) == ["claude", "demo", "alpha", "zeta"])
        #expect(try library.agent("zeta").format == .text)
        #expect(throws: AgentError.self) { try library.agent("beta") }
        #expect(try AgentLibrary(configuration: "", file: "config.toml") == .builtIn)
    }

    struct Mistake: CustomTestStringConvertible, Sendable {
        var text: String
        /// Where it is: the line and, except where the text is no TOML, the key.
        var place: String
        /// What its sentence has to name besides.
        var named = ""
        var testDescription: String { text }
    }

    @Test(arguments: [
        Mistake(text: "agents = 1", place: "1: agents: ", named: "integer"),
        Mistake(text: "[agents]\nx = 1", place: "2: agents.x: ", named: "integer"),
        Mistake(text: "[gateway]\n[agents.x]\nargv = \"x\"", place: "3: agents.x.argv: ", named: "string"),
        Mistake(
            text: "[agents.x]\nargv = [\"x\"]\nprompt = \"stdin\"\ntimeout = 3", place: "4: agents.x.timeout: ",
            named: "argv, prompt, result, env, model"),
        Mistake(text: "[agents.x]\nargv = [\"x\",\n3]", place: "3: agents.x.argv[1]: ", named: "integer"),
        Mistake(text: "[agents.x]\n\nargv = []", place: "3: agents.x.argv: ", named: "empty"),
        Mistake(text: "\n[agents.x]\nprompt = \"stdin\"", place: "2: agents.x.argv: ", named: "missing"),
        Mistake(text: "[agents.x]\nargv = [\"\"]\nprompt = \"stdin\"", place: "2: agents.x.argv: "),
        Mistake(text: "[agents.x]\nargv = [\"{prompt}\"]", place: "2: agents.x.argv: ", named: "{prompt}"),
        Mistake(text: "[agents.x]\nargv = [\"x\"]", place: "1: agents.x.prompt: ", named: "{prompt}"),
        Mistake(
            text: "[agents.x]\nargv = [\"x\", \"{prompt}\"]\nprompt = \"stdin\"", place: "3: agents.x.prompt: ",
            named: "stdin"),
        Mistake(text: "[agents.x]\nargv = [\"x\"]\nprompt = \"file\"", place: "3: agents.x.prompt: ", named: "file"),
        Mistake(
            text: "[agents.x]\nargv = [\"x\", \"{prompt}\"]\nprompt = \"Argument\"", place: "3: agents.x.prompt: ",
            named: "\"Argument\""),
        Mistake(text: "[agents.x]\nargv = [\"x\", \"{prompt}\"]\nprompt = 1", place: "3: agents.x.prompt: "),
        Mistake(text: "[agents.x]\nargv = [\"x\", \"{prompt}\"]\nprompt = \"\"", place: "3: agents.x.prompt: "),
        Mistake(
            text: "[agents.x]\nargv = [\"x\", \"{prompt}\", \"{promt}\"]", place: "2: agents.x.argv: ",
            named: "{promt}"),
        Mistake(
            text: "[agents.x]\nargv = [\"x\", \"{prompt}\"]\nresult = \"json\"", place: "3: agents.x.result: ",
            named: "\"json\""),
        Mistake(text: "[agents.x]\nargv = [\"x\", \"{prompt}\"]\nmodel = \"m\"", place: "3: agents.x.model: "),
        Mistake(text: "[agents.x]\nargv = [\"x\", \"{prompt}\"]\nenv = \"HOME\"", place: "3: agents.x.env: "),
        Mistake(
            text: "[agents.x]\nargv = [\"x\", \"{prompt}\"]\nenv = [\"A=B\"]", place: "3: agents.x.env: ",
            named: "\"A=B\""),
        Mistake(text: "[agents.claude]\nargv = [\"x\", \"{prompt}\"]", place: "1: agents.claude: ", named: "built in"),
        Mistake(text: "[agents.demo]\nargv = [\"x\", \"{prompt}\"]", place: "1: agents.demo: ", named: "built in"),
        Mistake(text: "[agents.X]\nargv = [\"x\", \"{prompt}\"]", place: "1: agents.X: ", named: "a-z"),
        Mistake(text: "[agents.\"a\u{301}\"]\nargv = [\"x\", \"{prompt}\"]", place: "1: agents.a\u{301}: "),
        Mistake(text: "[agents.\"x\\n\"]\nargv = [\"x\", \"{prompt}\"]", place: "1: agents.x\n: "),
        Mistake(text: "[agents.x]\nargv = [\"x\", \"{prompt}\"]\nargv = [\"y\"]", place: "3: ", named: "line 2"),
        Mistake(text: "[agents.x", place: "1: "),
        Mistake(text: "[agents.x]\nargv = ,", place: "2: ", named: "','"),
        Mistake(text: "[.x]", place: "1: "),
    ])
    func everythingElseIsRefusedWithItsPlace(mistake: Mistake) {
        let file = "/etc/claudine/config.toml"
        let error = #expect(throws: AgentError.self) { try AgentLibrary(configuration: mistake.text, file: file) }
        #expect(error?.code == .configuration)
        let message = error?.message ?? ""
        #expect(message.hasPrefix("\(file):\(mistake.place)") && message.contains(mistake.named), "\(message)")
    }
}
