import Store
import Supervision

/// `--detach`: the task is durable and a daemon is up, and that is all one waits for.
struct Detached {
    let store: Store
    let caller: Caller
    let bounds: QueueBounds
    let json: Bool
    let quiet: Bool

    func submit(_ spec: TaskSpec, _ request: RunRequest) async throws -> Never {
        let result = try QueuedRun(store: store, caller: caller, bounds: bounds).submit(spec, request)
        let record = result.record
        if record.state == .refused, let reason = record.reason {
            if json { try Answer(asJSON: true).write(record) { "" } }
            StandardError.write(Failure(reason.code.rawValue, reason.message, hint: result.hint, exitCode: 0).text)
            Exit.with(record.exitCode ?? ExitCodes.notRun)
        }
        if result.isEarlier, !quiet {
            StandardError.say("this is \(record.taskId), which was asked for before under the same idempotency key")
        }
        // Written before the daemon is looked for: whatever becomes of that, the task is there.
        try Answer(asJSON: json).write(record) { record.taskId.text + "\n" }
        if record.state.isTerminal {
            if !quiet, !result.isEarlier, let reason = record.reason {
                StandardError.say("\(record.taskId) will not run: \(reason.message)")
            }
            Exit.with(0)
        }
        do {
            try await Self.ensureDaemon(store, caller, quiet: quiet)
        } catch {
            // The one object on stdout is the record.
            Exit.failing(error, asJSON: false)
        }
        Exit.with(0)
    }

    /// - Throws: what keeps a daemon from coming up; the tasks wait in the queue all the same.
    static func ensureDaemon(_ store: Store, _ caller: Caller, quiet: Bool) async throws {
        let daemon: DaemonInfo
        do {
            daemon = try await DaemonStart(store, configuration: caller.environment["CLAUDINE_CONFIG_DIR"]).ensure()
        } catch let error as SupervisionError {
            throw notUp(error.reason.message)
        } catch let error as DaemonError {
            throw notUp(Failure(error).message)
        }
        // Whoever waits behind others knows that; what starts nothing at all is worth a word.
        let phases: [DaemonStatus.Phase] = [.degraded, .recovering, .draining, .stopping]
        if !quiet, let status = DaemonStatus(daemon.status), phases.contains(status.phase),
            let blocker = status.admission.blockedBy.first
        {
            StandardError.say("the daemon is up, but starts nothing now: \(blocker.message)")
        }
    }

    private static func notUp(_ why: String) -> Failure {
        Failure(
            "daemon.notUp", "The task is in the queue, but no daemon came up to run it: \(why)",
            hint: "claudine serve runs one in the foreground and says what is wrong", exitCode: ExitCodes.notRun)
    }
}
