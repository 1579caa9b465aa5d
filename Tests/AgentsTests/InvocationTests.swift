import Agents
import Testing

@Suite struct InvocationTests {
    let tree = TestTree()
    static let session = "0b5e4c1e-6c5a-4f0e-9a63-0d6f3c1b2a44"

    private var lookup: ExecutableLookup {
        tree.program("bin/claude")
        tree.program("bin/sh")
        tree.program("bin/helper")
        return tree.lookup(path: "bin")
    }

    private func request(
        _ prompt: String, model: String? = nil, turns: Int? = nil, budget: Double? = nil,
        session: AgentRequest.Session = .new(session)
    ) -> AgentRequest {
        AgentRequest(
            prompt: prompt, model: model, maxTurns: turns, budgetUsd: budget, session: session, workspace: "/work/place"
        )
    }

    private func configured(_ table: String) throws -> AgentDefinition {
        try AgentLibrary(configuration: "[agents.helper]\n" + table, file: "config.toml").agent("helper")
    }

    private func code(_ body: () throws -> Void) -> AgentError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? AgentError)?.code }
    }

    @Test func claudeGolden() throws {
        let plain = try AgentDefinition.claude.invocation(request("fix the bug"), lookup: lookup)
        #expect(
            plain.arguments == [
                "claude", "-p", "--output-format", "stream-json", "--verbose", "--setting-sources", "user",
                "--strict-mcp-config", "--dangerously-skip-permissions", "--session-id", Self.session, "--",
                "fix the bug",
            ])
        #expect(plain.standardInput == .none && plain.files.isEmpty && plain.format == .claudeStreamJSON)
        #expect(plain.executable.path == tree.path("bin/claude"))
        let full = try AgentDefinition.claude.invocation(
            request("go on please", model: "opus", turns: 7, budget: 1.5, session: .resume(Self.session)),
            lookup: lookup)
        #expect(
            full.arguments.dropFirst(9) == [
                "--resume", Self.session, "--model", "opus", "--max-turns", "7", "--max-budget-usd", "1.5", "--",
                "go on please",
            ])
    }

    @Test func claudeEnvironmentGolden() throws {
        let invocation = try AgentDefinition.claude.invocation(request("a b"), lookup: lookup)
        #expect(
            invocation.environment == [
                "ANTHROPIC_BASE_URL": "http://localhost", "ANTHROPIC_UNIX_SOCKET": "/run/claudine/api.sock",
                "ANTHROPIC_API_KEY": "claudine-placeholder", "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
                "DISABLE_ERROR_REPORTING": "1", "DISABLE_TELEMETRY": "1",
            ])
    }

    /// What is long, or could be taken for an option or a subcommand, never stands in argv.
    @Test(arguments: [
        "-p rm", "--help me", "mcp", "update", String(repeating: "x y ", count: 50 << 10),
        String(repeating: "é ", count: (64 << 10) / 3 + 1),
    ])
    func promptsThatGoThroughStdin(prompt: String) throws {
        let invocation = try AgentDefinition.claude.invocation(request(prompt), lookup: lookup)
        #expect(invocation.standardInput == .bytes(Array(prompt.utf8)))
        #expect(!invocation.arguments.contains { $0 == "--" || $0 == prompt })
    }

    @Test(arguments: ["", " \n\t", "a\0b c"])
    func promptsThatAreRefused(prompt: String) {
        #expect(code { _ = try AgentDefinition.claude.invocation(request(prompt), lookup: lookup) } == .usage)
    }

    @Test func theBoundOfAPromptIsExactAndNamed() throws {
        let largest = String(repeating: "a ", count: AgentRequest.largestPrompt / 2)
        #expect(try AgentDefinition.claude.invocation(request(largest), lookup: lookup).standardInput != .none)
        do {
            try request(largest + "a").check()
            Issue.record("it was taken")
        } catch {
            #expect(error.code == .usage && error.message.contains("4194304") && error.message.contains("4194305"))
        }
    }

    @Test func otherValuesAreCheckedToo() {
        for bad in [
            request("a b", model: ""), request("a b", model: "--help"), request("a b", model: "a b"),
            request("a b", turns: 0), request("a b", turns: -1), request("a b", budget: 0),
            request("a b", budget: -.infinity),
            request("a b", budget: .nan), request("a b", session: .new("mine")),
            request("a b", session: .resume("--continue")),
        ] { #expect(code { try bad.check() } == .usage, "\(bad)") }
    }

    @Test(arguments: [
        (1, "1"), (0.1, "0.1"), (0.000001, "0.000001"), (1e-9, "0.000001"), (12.34567891, "12.345679"),
        (250_000, "250000"),
    ])
    func dollars(amount: Double, expected: String) throws {
        let invocation = try AgentDefinition.claude.invocation(request("a b", budget: amount), lookup: lookup)
        let flag = try #require(invocation.arguments.firstIndex(of: "--max-budget-usd"))
        #expect(invocation.arguments[flag + 1] == expected)
    }

    @Test func aMissingClaudeSaysHowToInstallIt() {
        do {
            _ = try AgentDefinition.claude.invocation(request("a b"), lookup: tree.lookup(path: "nowhere"))
            Issue.record("it was found")
        } catch { #expect(error.code == .notFound && error.hint?.contains("install") == true) }
    }

    @Test func theDemoAgentTravelsInTheBinary() throws {
        let invocation = try AgentDefinition.demo.invocation(request("do"), lookup: lookup)
        #expect(invocation.executable.path == tree.path("bin/sh"))
        #expect(invocation.arguments == ["sh", "/run/claudine/demo-agent.sh", Self.session])
        #expect(invocation.files.map(\.path) == ["/run/claudine/demo-agent.sh"])
        #expect(invocation.files.first?.bytes.starts(with: Array("#!/bin/sh\n".utf8)) == true)
        #expect(invocation.standardInput == .bytes(Array("do".utf8)))
    }

    @Test func templatesAreFilledInOnce() throws {
        let agent = try configured(
            #"argv = ["helper", "--dir={workspace}", "-m", "{model}", "--", "{prompt}", "{x} {\"a\":1}"]"#
                .replacing("{x} ", with: "{ x } "))
        let invocation = try agent.invocation(request("use {model} in {workspace}", model: "big"), lookup: lookup)
        #expect(
            invocation.arguments == [
                "helper", "--dir=/work/place", "-m", "big", "--", "use {model} in {workspace}", "{ x } {\"a\":1}",
            ])
        #expect(invocation.format == .text && invocation.standardInput == .none)
    }

    @Test func templatesTakeTheirPromptFromStdinOrAFile() throws {
        let prompt = "--long " + String(repeating: "x", count: 200 << 10)
        let stdin = try configured(#"argv = ["helper", "-"]"# + "\nprompt = \"stdin\"\nenv = [\"LANG\"]")
            .invocation(request(prompt), lookup: lookup)
        #expect(stdin.arguments == ["helper", "-"] && stdin.standardInput == .bytes(Array(prompt.utf8)))
        #expect(stdin.environmentNames == ["LANG"])
        let file = try configured(
            #"argv = ["helper", "@{prompt}"]"# + "\nprompt = \"file\"\nresult = \"claude-stream-json\""
        )
        .invocation(request(prompt), lookup: lookup)
        #expect(file.arguments == ["helper", "@/run/claudine/prompt"] && file.standardInput == .none)
        #expect(file.files.map(\.name) == ["prompt"] && file.files.first?.bytes == Array(prompt.utf8))
        #expect(file.format == .claudeStreamJSON)
    }

    @Test func whatATemplateCannotHandOnIsRefused() throws {
        let agent = try configured(#"argv = ["helper", "{prompt}"]"#)
        for (bad, expected) in [
            (request("x", model: "m"), AgentError.Code.usage), (request("x", turns: 1), .usage),
            (request("x", budget: 1), .usage),
            (request("x", session: .resume(Self.session)), .usage), (request("-x"), .usage),
            (request(String(repeating: "x", count: (64 << 10) + 1)), .argumentTooLong),
        ] { #expect(code { _ = try agent.invocation(bad, lookup: lookup) } == expected) }
        let choosy = try configured(#"argv = ["helper", "{prompt}", "{model}"]"#)
        #expect(code { _ = try choosy.invocation(request("x"), lookup: lookup) } == .usage)
        let settled = try configured(#"argv = ["helper", "{prompt}", "{model}"]"# + "\nmodel = \"usual\"")
        #expect(try settled.invocation(request("x"), lookup: lookup).arguments == ["helper", "x", "usual"])
    }
}
