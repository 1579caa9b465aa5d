import Agents
import ArgumentParser
import Foundation
import Policy
import Store
import Supervision

/// `claudine run`: one task in its cage, from request to record, in the foreground.
struct Run: AsyncParsableCommand, ExitsAsTheTaskDid {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run an agent, or any command, in a cage.",
        discussion: """
            claudine run [options] PROMPT runs an agent; its final text goes to stdout, and what it does to stderr when that is \
            a terminal. claudine run [options] -- COMMAND ARG… runs any command in the same cage, its output passed through byte \
            by byte. Exits as the agent or command did; with 124 after a timeout, 125 when it was not run, 130 or 143 when it was \
            cancelled, 137 when it hit a limit.

            Durations are written 500ms 30s 10m 2h 1d, sizes 64K 512M 4G.
            """)

    @Argument(help: ArgumentHelp("What the agent is to do; - reads it from standard input.", valueName: "prompt"))
    var prompt: String?

    @Argument(parsing: .postTerminator, help: ArgumentHelp("A command and its arguments.", valueName: "command"))
    var command: [String] = []

    @Option(help: ArgumentHelp("The policy's name or file.", valueName: "name"))
    var policy: String?

    @Option(
        name: [.customShort("C"), .long],
        help: ArgumentHelp("The directory to work in (default: the current one).", valueName: "dir"))
    var workspace: String?

    @Option(help: ArgumentHelp("The agent's name.", valueName: "name"))
    var agent: String?

    @Option(help: ArgumentHelp("Its standard input, or with an agent the end of its prompt.", valueName: "file|-"))
    var stdin: String?

    @OptionGroup var options: RunOptions
    @OptionGroup var state: StateOptions
    @OptionGroup var configuration: ConfigurationOptions

    /// Not `validate`, which comes before the parser has complained about options it does not know.
    private func check() throws {
        guard prompt == nil || command.isEmpty else {
            throw ValidationError("give a prompt or, behind --, a command; not both")
        }
        guard prompt != nil || !command.isEmpty || stdin != nil else {
            throw ValidationError("give a prompt, or a command behind --")
        }
        guard command.isEmpty || agentOptions.isEmpty else {
            throw ValidationError("\(agentOptions.joined(separator: ", ")) is for agents, not for a command")
        }
    }

    private var agentOptions: [String] {
        [
            agent.map { _ in "--agent" }, options.model.map { _ in "--model" },
            options.maxTurns.map { _ in "--max-turns" }, options.budget.map { _ in "--budget" },
            options.streamJson ? "--stream-json" : nil,
        ].compactMap { $0 }
    }

    func run() async throws {
        Trace.mark("cli.start")
        try check()
        let caller = try configuration.caller()
        let paths = try state.paths()
        let input = try RunInput(prompt: prompt, isCommand: !command.isEmpty, stdin: stdin)
        let spec = try spec(caller, input)
        let store = try Store.open(paths)
        Trace.mark("store.open")
        try await options.run(spec, input: input.standardInput, caller: caller, store: store)
    }

    private func spec(_ caller: Caller, _ input: RunInput) throws -> TaskSpec {
        let policy = policy ?? caller.configuration.defaultPolicy
        let workspace = workspace ?? caller.workingDirectory
        var spec =
            command.isEmpty
            ? TaskSpec(
                agent: agent ?? caller.configuration.defaultAgent, prompt: input.prompt ?? "", workspace: workspace,
                policy: policy)
            : TaskSpec(command: try RawArguments.command(), workspace: workspace, policy: policy)
        options.apply(to: &spec)
        spec.stdin = stdin.map(RunInput.source) ?? .none
        return spec
    }
}
