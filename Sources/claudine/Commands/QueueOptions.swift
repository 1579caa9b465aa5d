import ArgumentParser
import Policy
import Store

/// When a task runs, after what, and how often it is tried.
struct QueueOptions: ParsableArguments {
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Run it when this task has succeeded (repeatable).", valueName: "id"))
    var after: [String] = []

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("Run it when this task has ended, however it did (repeatable).", valueName: "id"))
    var afterAny: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Try it again up to so often when it fails or times out.", valueName: "n"))
    var retries: Int?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "What is tried again: reason codes or the first part of them, such as exit, timeout or agent.error (repeatable).",
            valueName: "code"))
    var retryOn: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("End it when it has waited so long without being started.", valueName: "duration"))
    var queueTimeout: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Make the same request once only: a second one with this key is the same task.", valueName: "text"))
    var idempotencyKey: String?

    /// More would only hide what is wrong.
    private static let mostRetries = 100

    func validate() throws {
        if let retries, !(0...Self.mostRetries).contains(retries) {
            throw ValidationError("--retries \(retries): it is a whole number from 0 to \(Self.mostRetries)")
        }
        for code in retryOn where !Self.isKnown(code) {
            throw ValidationError(
                "--retry-on \(code): that is neither a reason nor the first part of one; claudine status shows a task's reason"
            )
        }
        if let idempotencyKey, !(1...256).contains(idempotencyKey.utf8.count) {
            throw ValidationError("--idempotency-key has 1 to 256 bytes")
        }
        if let queueTimeout, queueTimeout.milliseconds < 1 { throw ValidationError("--queue-timeout is at least 1ms") }
    }

    private static func isKnown(_ code: String) -> Bool {
        ReasonCode.allCases.contains { $0.rawValue == code || $0.rawValue.hasPrefix(code + ".") }
    }

    /// - Throws: exit code 4 for a task that does not exist; nothing is stored then.
    func apply(to spec: inout TaskSpec, _ store: Store) throws {
        if !after.isEmpty { spec.after = try after.map { try store.task(named: $0) } }
        if !afterAny.isEmpty { spec.afterAny = try afterAny.map { try store.task(named: $0) } }
        spec.retries = retries ?? spec.retries
        if !retryOn.isEmpty { spec.retryOn = retryOn }
        spec.queueTimeoutMs = queueTimeout.map { Int64(clamping: $0.milliseconds) } ?? spec.queueTimeoutMs
        spec.idempotencyKey = idempotencyKey
    }
}

extension TimeSpan: ExpressibleByArgument {
    package init?(argument: String) { try? self.init(parsing: argument) }
}
