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

    /// Each with what its sentence has to name besides the file.
    @Test(arguments: [
        ("agents = 1", "agents"),
        ("[agents]\nx = 1", "agents.x"),
        ("[agents.x]\nargv = [\"x\"]\nprompt = \"stdin\"\ntimeout = 3", "agents.x.timeout"),
        ("[agents.x]\nargv = \"x\"", "agents.x.argv"),
        ("[agents.x]\nargv = [\"x\", 3]", "agents.x.argv[1]"),
        ("[agents.x]\nargv = []", "agents.x.argv"),
        ("[agents.x]\nprompt = \"stdin\"", "agents.x.argv"),
        ("[agents.x]\nargv = [\"\"]\nprompt = \"stdin\"", "agents.x.argv"),
        ("[agents.x]\nargv = [\"{prompt}\"]", "{prompt}"),
        ("[agents.x]\nargv = [\"x\"]", "agents.x.prompt"),
        ("[agents.x]\nargv = [\"x\", \"{prompt}\"]\nprompt = \"stdin\"", "agents.x.prompt"),
        ("[agents.x]\nargv = [\"x\"]\nprompt = \"file\"", "agents.x.prompt"),
        ("[agents.x]\nargv = [\"x\", \"{prompt}\"]\nprompt = \"Argument\"", "\"Argument\""),
        ("[agents.x]\nargv = [\"x\", \"{prompt}\"]\nprompt = 1", "agents.x.prompt"),
        ("[agents.x]\nargv = [\"x\", \"{prompt}\", \"{promt}\"]", "{promt}"),
        ("[agents.x]\nargv = [\"x\", \"{prompt}\"]\nresult = \"json\"", "\"json\""),
        ("[agents.x]\nargv = [\"x\", \"{prompt}\"]\nmodel = \"m\"", "agents.x.model"),
        ("[agents.x]\nargv = [\"x\", \"{prompt}\"]\nenv = \"HOME\"", "agents.x.env"),
        ("[agents.x]\nargv = [\"x\", \"{prompt}\"]\nenv = [\"A=B\"]", "\"A=B\""),
        ("[agents.claude]\nargv = [\"x\", \"{prompt}\"]", "agents.claude"),
        ("[agents.demo]\nargv = [\"x\", \"{prompt}\"]", "agents.demo"),
        ("[agents.X]\nargv = [\"x\", \"{prompt}\"]", "agents.X"),
        ("[agents.x]\nargv = [\"x\", \"{prompt}\"]\nargv = [\"y\"]", "line 3"),
        ("[agents.x", "line 1"),
    ])
    func everythingElseIsRefusedWithFileAndKey(text: String, named: String) {
        do {
            _ = try AgentLibrary(configuration: text, file: "/etc/claudine/config.toml")
            Issue.record("it was taken")
        } catch {
            #expect(error.code == .configuration)
            #expect(error.message.hasPrefix("/etc/claudine/config.toml: "))
            #expect(error.message.contains(named), "\(error.message)")
        }
    }
}
