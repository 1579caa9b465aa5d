import Agents
import ArgumentParser
import Foundation
import Policy
import Store
import Supervision

/// `claudine run`: one task in its cage, from request to record, in the foreground.
struct Run: AsyncParsableCommand, ExitsAsTheTaskDid {
    static let configuration = CommandConfiguration(
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

    @Option(help: ArgumentHelp("The agent's model.", valueName: "name"))
    var model: String?

    @Option(help: ArgumentHelp("End the agent after so many turns.", valueName: "n"))
    var maxTurns: Int?

    @Option(help: ArgumentHelp("End the agent when it has spent this, in US dollars.", valueName: "usd"))
    var budget: Double?

    @Option(help: ArgumentHelp("End it after this time.", valueName: "duration"))
    var timeout: Bound<TimeSpan>?

    @Option(help: ArgumentHelp("End it when it writes nothing for this time.", valueName: "duration"))
    var idleTimeout: Bound<TimeSpan>?

    @Option(help: ArgumentHelp("Memory of all its processes together.", valueName: "size"))
    var memory: Bound<ByteSize>?

    @Option(help: ArgumentHelp("Processes and threads at a time.", valueName: "n"))
    var processes: Int?

    @Option(help: ArgumentHelp("End it when it has written more than this.", valueName: "size"))
    var outputLimit: Bound<ByteSize>?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Give it a variable: of the caller, or with a value of its own.", valueName: "name[=value]"))
    var env: [String] = []

    @Option(help: ArgumentHelp("Its standard input, or with an agent the end of its prompt.", valueName: "file|-"))
    var stdin: String?

    @Option(help: ArgumentHelp("What to call the task.", valueName: "text"))
    var name: String?

    @Option(parsing: .singleValue, help: ArgumentHelp("A label to find it by.", valueName: "text"))
    var label: [String] = []

    @Option(help: ArgumentHelp("P0, P1 or P2.", valueName: "class"))
    var priority: Priority = .normal

    @Flag(help: "Print the task record as JSON when it has ended, and its output to the log only.")
    var json = false

    @Flag(help: "Pass the agent's raw stream through instead of its final text.")
    var streamJson = false

    @Flag(help: "Tell on stderr what the agent does, also when that is no terminal.")
    var verbose = false

    @Flag(name: .shortAndLong, help: "Say nothing on stderr.")
    var quiet = false

    @OptionGroup var state: StateOptions
    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        guard prompt == nil || command.isEmpty else {
            throw ValidationError("give a prompt or, behind --, a command; not both")
        }
        guard prompt != nil || !command.isEmpty || stdin != nil else {
            throw ValidationError("give a prompt, or a command behind --")
        }
        guard command.isEmpty || agentOptions.isEmpty else {
            throw ValidationError("\(agentOptions.joined(separator: ", ")) is for agents, not for a command")
        }
        guard !(verbose && quiet) else { throw ValidationError("--verbose and --quiet contradict each other") }
        guard !(json && streamJson) else { throw ValidationError("--json and --stream-json contradict each other") }
        for text in label + [name].compactMap({ $0 }) where text.isEmpty || text.utf8.count > 256 {
            throw ValidationError("a name or label has 1 to 256 bytes")
        }
    }

    private var agentOptions: [String] {
        [
            agent.map { _ in "--agent" }, model.map { _ in "--model" }, maxTurns.map { _ in "--max-turns" },
            budget.map { _ in "--budget" }, streamJson ? "--stream-json" : nil,
        ].compactMap { $0 }
    }

    func run() async throws {
        Trace.mark("cli.start")
        let caller = try caller()
        let paths = try state.paths()
        let input = try RunInput(prompt: prompt, isCommand: !command.isEmpty, stdin: stdin)
        let spec = try spec(caller, input)
        var request = RunRequest()
        request.limits = LimitRequest(
            wall: timeout, idle: idleTimeout, memory: memory, processes: processes, outputLimit: outputLimit)
        request.variables = try env.map(EnvironmentRequest.init(parsing:))
        request.standardInput = input.standardInput

        let store = try Store.open(paths)
        Trace.mark("store.open")
        let view = RunView(
            isAgent: command.isEmpty, json: json, streamJSON: streamJson, verbose: verbose, quiet: quiet)
        let result = try await ForegroundRun(store: store, preparation: Preparation(caller: caller, paths: paths))
            .run(spec, request, observer: view.observer)
        try view.conclude(result)
        throw ExitCode(result.record.exitCode ?? ExitCodes.notRun)
    }

    private func caller() throws -> Caller {
        let places = try configuration.places()
        var settings = OperatorConfiguration.none
        if let file = places.file { settings = try OperatorConfiguration(text: places.text(), file: file) }
        return Caller(
            environment: Environment.current, workingDirectory: FileManager.default.currentDirectoryPath,
            configuration: settings, policies: places.policies, agents: try places.agents())
    }

    private func spec(_ caller: Caller, _ input: RunInput) throws -> TaskSpec {
        let policy = policy ?? caller.configuration.defaultPolicy
        let workspace = workspace ?? caller.workingDirectory
        var spec =
            command.isEmpty
            ? TaskSpec(
                agent: agent ?? caller.configuration.defaultAgent, prompt: input.prompt ?? "", workspace: workspace,
                policy: policy)
            : TaskSpec(command: command, workspace: workspace, policy: policy)
        spec.name = name
        spec.labels = label
        spec.priority = priority
        spec.model = model
        spec.maxTurns = maxTurns
        spec.budgetUsd = budget
        spec.environmentNames = env.map { String($0.prefix { $0 != "=" }) }
        spec.stdin =
            switch stdin {
            case nil: .none
            case "-": .inherited
            case .some(let file): .file(file)
            }
        return spec
    }
}

extension Bound: ExpressibleByArgument {
    package init?(argument: String) { try? self.init(parsing: argument) }
}

extension Priority: ExpressibleByArgument {}
