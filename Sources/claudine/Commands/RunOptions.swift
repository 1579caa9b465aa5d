import ArgumentParser
import Foundation
import Policy
import Store
import Supervision

/// What `run` and `resume` have in common: limits, names, and what is shown.
struct RunOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The agent's model.", valueName: "name"))
    var model: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("End the agent after so many turns.", valueName: "n"))
    var maxTurns: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("End the agent when it has spent this, in US dollars.", valueName: "usd"))
    var budget: Double?

    @Option(parsing: .unconditional, help: ArgumentHelp("End it after this time.", valueName: "duration"))
    var timeout: Bound<TimeSpan>?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("End it when it writes nothing for this time.", valueName: "duration"))
    var idleTimeout: Bound<TimeSpan>?

    @Option(parsing: .unconditional, help: ArgumentHelp("Memory of all its processes together.", valueName: "size"))
    var memory: Bound<ByteSize>?

    @Option(parsing: .unconditional, help: ArgumentHelp("Processes and threads at a time.", valueName: "n"))
    var processes: Int?

    @Option(
        parsing: .unconditional, help: ArgumentHelp("End it when it has written more than this.", valueName: "size"))
    var outputLimit: Bound<ByteSize>?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Give it a variable: of the caller, or with a value of its own.", valueName: "name[=value]"))
    var env: [String] = []

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

    func validate() throws {
        if let processes, processes < 1 {
            throw ValidationError("--processes \(processes): it must be a whole number of at least 1")
        }
        if let budget, !(budget.isFinite && budget > 0) {
            throw ValidationError("--budget \(budget): it must be an amount above 0, in US dollars")
        }
        guard !(verbose && quiet) else { throw ValidationError("--verbose and --quiet contradict each other") }
        guard !(json && streamJson) else { throw ValidationError("--json and --stream-json contradict each other") }
        for text in label + [name].compactMap({ $0 }) where text.isEmpty || text.utf8.count > 256 {
            throw ValidationError("a name or label has 1 to 256 bytes")
        }
    }

    func apply(to spec: inout TaskSpec) {
        spec.name = name
        spec.labels = label
        spec.priority = priority
        spec.model = model ?? spec.model
        spec.maxTurns = maxTurns
        spec.budgetUsd = budget
        spec.environmentNames = env.map { String($0.prefix { $0 != "=" }) }
    }

    /// Runs the task in the foreground and exits as it did.
    func run(
        _ spec: TaskSpec, input: PreparedAttempt.StandardInput, caller: Caller, store: Store
    ) async throws -> Never {
        var request = RunRequest()
        request.limits = LimitRequest(
            wall: timeout, idle: idleTimeout, memory: memory, processes: processes, outputLimit: outputLimit)
        request.variables = try env.map { text in
            do throws(PolicyError) {
                return try EnvironmentRequest(parsing: text)
            } catch {
                throw Failure("usage", error.message, hint: error.hint, exitCode: ExitCodes.usage)
            }
        }
        request.standardInput = input
        let view = RunView(
            isAgent: spec.command == nil, json: json, streamJSON: streamJson, verbose: verbose, quiet: quiet)
        let result = try await ForegroundRun(
            store: store, preparation: Preparation(caller: caller, paths: store.paths), bounds: .none
        ).run(spec, request, observer: view.observer)
        try view.conclude(result)
        Exit.with(result.record.exitCode ?? ExitCodes.notRun)
    }
}

extension ConfigurationOptions {
    /// This process's user, environment and configuration.
    func caller() throws -> Caller {
        let places = try places()
        let file = try places.read()
        return Caller(
            environment: Environment.current, workingDirectory: FileManager.default.currentDirectoryPath,
            configuration: file.settings, policies: places.policies, agents: file.agents)
    }
}

extension Bound: ExpressibleByArgument {
    package init?(argument: String) { try? self.init(parsing: argument) }
}

extension Priority: ExpressibleByArgument {}
