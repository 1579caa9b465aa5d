import ArgumentParser
import Glibc
import Policy
import Store
import Supervision

/// `claudine serve`: the daemon.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the queued tasks: the daemon.",
        discussion: """
            One at a time for each state directory; a second one exits with 75. claudine run --detach starts one where there is \
            none, which leaves after [serve] idle_exit without work; one that was started by hand stays. SIGTERM, SIGINT and SIGHUP \
            end it as [serve] on_stop says; a second signal stops what still runs, a third one kills it. Its log, one JSON object \
            a line, goes to standard error.
            """)

    @Option(parsing: .unconditional, help: ArgumentHelp("Attempts at a time, over all processes.", valueName: "n"))
    var maxRunning: Int?

    @Option(help: ArgumentHelp("What a signal does to running tasks: drain, stop or requeue.", valueName: "way"))
    var onStop: ServeConfiguration.OnStop?

    @Flag(help: "Exit with 78 when recovery cannot finish, instead of staying and starting nothing.")
    var noDegraded = false

    @Flag(help: .hidden)
    var onDemand = false

    @OptionGroup var state: StateOptions
    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        if let maxRunning, !(1...256).contains(maxRunning) {
            throw ValidationError("--max-running \(maxRunning): it is a whole number from 1 to 256")
        }
    }

    func run() async throws {
        let environment = try configuration.environment
        let places = ConfigurationPlaces(environment: environment)
        var settings = try places.read().settings
        settings.queue.maxRunning = maxRunning ?? settings.queue.maxRunning
        settings.serve.onStop = onStop ?? settings.serve.onStop
        Self.raiseDescriptorLimit()
        let store = try Store.open(state.paths())
        let log = Log(to: try LineWriter(STDERR_FILENO), from: settings.serve.logLevel)
        log.event(.daemonStarted(pid: getpid(), onDemand ? .onDemand : .byHand))
        let daemon = Daemon(
            store: store,
            settings: DaemonSettings(
                settings, onDemand: onDemand, insistsOnRecovery: noDegraded, version: Version.number),
            log: log
        ) { task throws(PreparationFailure) in
            try Self.prepare(task, environment, store.paths)
        }
        do throws(DaemonError) {
            try await daemon.run()
        } catch {
            var failure = Failure(error)
            if noDegraded, case .store(let cause) = error, !cause.mayPass {
                failure.exitCode = ExitCodes.configuration
            }
            throw failure
        }
    }

    /// With the configuration of this moment: a change holds for what is claimed after it.
    private static func prepare(
        _ task: QueuedTask, _ own: [String: String], _ paths: StatePaths
    ) throws(PreparationFailure) -> PreparedAttempt {
        let environment = Surroundings.environment(of: task.spec, in: own)
        let places = ConfigurationPlaces(environment: environment)
        let read: Configuration
        do { read = try places.read() } catch { throw .configuration(Refusal(error)) }
        let caller = Caller(
            environment: environment, workingDirectory: task.spec.workspace, configuration: read.settings,
            policies: places.policies, agents: read.agents)
        do throws(Refusal) {
            return try Preparation(caller: caller, paths: paths).prepare(
                task.spec, RunRequest(queued: task, paths), id: task.id, attempt: task.attempt, session: task.session)
        } catch {
            throw .refused(error)
        }
    }

    /// Each running task takes some ten descriptors; the usual soft limit is for programs that use select(2).
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

extension ServeConfiguration.OnStop: ExpressibleByArgument {}

extension Failure {
    init(_ error: DaemonError) {
        switch error {
        case .another(let pid):
            self.init(
                "daemon.another",
                "Another daemon holds this state directory" + (pid.map { " (pid \($0))." } ?? "."),
                hint: "claudine status shows how it stands", exitCode: ExitCodes.busy)
        case .notServing(let pid):
            self.init(
                "daemon.notServing",
                (pid.map { "The daemon with pid \($0)" } ?? "A daemon that was started")
                    + " takes no tasks: it is on its way out, or does not get ready.",
                hint: "claudine status shows how it stands", exitCode: ExitCodes.busy)
        case .recovery(let obstacles):
            self.init(
                "daemon.recovery", "Recovery cannot finish: \(obstacles.joined(separator: "; "))",
                hint: "put that right, or leave out --no-degraded to have a daemon that starts nothing until it is",
                exitCode: ExitCodes.configuration)
        case .store(let error):
            self.init(
                error.code.rawValue, error.message, hint: error.hint,
                exitCode: error.code == .busy ? ExitCodes.busy : ExitCodes.no)
        }
    }
}
