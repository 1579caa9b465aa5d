import ArgumentParser
import Policy
import Store
import Supervision

/// `claudine retry`: a new task that asks for what an ended one had asked for.
struct Retry: AsyncParsableCommand, ExitsAsTheTaskDid {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Run an ended task again, as a new task.",
        discussion: """
            Workspace, policy, limits and everything else are those of the earlier task unless they are given again. An agent begins \
            anew: claudine resume goes on with its session instead.
            """)

    @Argument(help: ArgumentHelp("The earlier task's id, or the beginning of it.", valueName: "id"))
    var id: String

    @Option(help: ArgumentHelp("Another policy's name or file.", valueName: "name"))
    var policy: String?

    @Option(help: ArgumentHelp("Its standard input.", valueName: "file|-"))
    var stdin: String?

    @OptionGroup var options: RunOptions
    @OptionGroup var state: StateOptions
    @OptionGroup var configuration: ConfigurationOptions

    func run() async throws {
        let caller = try configuration.caller()
        let store = try await state.store()
        let earlier = try EarlierTask(record: store.existingRecord(try store.task(named: id)), store)
        var spec = try earlier.repeated()
        guard stdin == nil || spec.command != nil else {
            throw ValidationError("--stdin is for commands; an agent's is part of its prompt")
        }
        if let policy { (spec.policy, spec.policyFile) = (policy, nil) }
        if let stdin { spec.stdin = RunInput.source(stdin) }
        options.apply(to: &spec)
        let input =
            try stdin.map { try RunInput(prompt: nil, isCommand: true, stdin: $0).standardInput } ?? earlier.input()
        let given = Set(options.env.map { String($0.prefix { $0 != "=" }) })
        try await options.run(
            spec, input: input, caller: caller, store: store,
            variables: try earlier.variables(caller, besides: given))
    }
}
