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
    var priority: Priority?

    @OptionGroup(title: "Queue") var queue: QueueOptions

    @Flag(
        name: .shortAndLong,
        help: "Leave it to the daemon, which is started if there is none: print the task's id and return.")
    var detach = false

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
        guard !(detach && (streamJson || verbose)) else {
            throw ValidationError("--detach shows nothing of the task: claudine logs -f does")
        }
        for text in label + [name].compactMap({ $0 }) where text.isEmpty || text.utf8.count > 256 {
            throw ValidationError("a name or label has 1 to 256 bytes")
        }
    }

    /// Only what was given replaces what `spec` says.
    func apply(to spec: inout TaskSpec) {
        spec.name = name ?? spec.name
        if !label.isEmpty { spec.labels = label }
        spec.priority = priority ?? spec.priority
        spec.model = model ?? spec.model
        spec.maxTurns = maxTurns ?? spec.maxTurns
        spec.budgetUsd = budget ?? spec.budgetUsd
        spec.limitOptions = (spec.limitOptions ?? [:]).merging(limits.options) { $1 }
        spec.environmentNames += env.map { String($0.prefix { $0 != "=" }) }.filter {
            !spec.environmentNames.contains($0)
        }
    }

    private var limits: LimitRequest {
        LimitRequest(
            wall: timeout, idle: idleTimeout, memory: memory, processes: processes, outputLimit: outputLimit)
    }

    /// Runs the task and exits as it did, or leaves it to the daemon.
    ///
    /// - Parameter variables: those of an earlier task that it takes over; given ones come after and win.
    func run(
        _ given: TaskSpec, input: PreparedAttempt.StandardInput, caller: Caller, store: Store,
        variables: [EnvironmentRequest] = []
    ) async throws -> Never {
        var spec = given
        try queue.apply(to: &spec, store)
        var request = RunRequest()
        request.limits = try LimitRequest(options: spec.limitOptions ?? [:])
        request.variables = variables + (try requestedVariables())
        request.standardInput = input
        let bounds = caller.configuration.bounds
        if detach {
            try await Detached(store: store, caller: caller, bounds: bounds, json: json, quiet: quiet)
                .submit(spec, request)
        }
        let view = RunView(
            isAgent: spec.command == nil, json: json, streamJSON: streamJson, verbose: verbose, quiet: quiet)
        let result = try await ForegroundRun(
            store: store, preparation: Preparation(caller: caller, paths: store.paths), bounds: bounds,
            daemon: DaemonStart(store, configuration: caller.environment["CLAUDINE_CONFIG_DIR"])
        ).run(spec, request, observer: view.observer)
        try view.conclude(result)
        Exit.with(result.interruption?.exitCode ?? result.record.exitCode ?? ExitCodes.notRun)
    }

    private func requestedVariables() throws -> [EnvironmentRequest] {
        try env.map { text in
            do throws(PolicyError) {
                return try EnvironmentRequest(parsing: text)
            } catch {
                throw Failure("usage", error.message, hint: error.hint, exitCode: ExitCodes.usage)
            }
        }
    }
}

extension ConfigurationOptions {
    /// This process's user, environment and configuration.
    func caller() throws -> Caller {
        let environment = try environment
        let places = ConfigurationPlaces(environment: environment)
        let file = try places.read()
        return Caller(
            environment: environment, workingDirectory: FileManager.default.currentDirectoryPath,
            configuration: file.settings, policies: places.policies, agents: file.agents)
    }
}

extension Bound: ExpressibleByArgument {
    package init?(argument: String) { try? self.init(parsing: argument) }
}

extension Priority: ExpressibleByArgument {}
