import Glibc
import Policy
package import Store

/// A task for the daemon: checked now, with the caller's own eyes, and durable when this returns.
package struct QueuedRun: Sendable {
    private let store: Store
    private let caller: Caller
    private let bounds: QueueBounds

    package init(store: Store, caller: Caller, bounds: QueueBounds) {
        self.store = store
        self.caller = caller
        self.bounds = bounds
    }

    package struct Result: Sendable {
        package var record: TaskRecord
        package var hint: String?
        /// The same request had been made before.
        package var isEarlier: Bool
    }

    /// What is refused is written down as a task that must not run.
    package func submit(_ given: TaskSpec, _ request: RunRequest) throws -> Result {
        let id = TaskID.random()
        let prepared: PreparedAttempt
        do throws(Refusal) {
            prepared = try prepare(given, request, id: id)
        } catch {
            return Result(record: try store.refuse(given, error.reason), hint: error.hint, isEarlier: false)
        }
        return try submit(prepared, request)
    }

    /// - Throws: why it must not run; nothing is written down, here or by what it returns.
    package func prepare(
        _ given: TaskSpec, _ request: RunRequest, id: TaskID = .random()
    ) throws(Refusal) -> PreparedAttempt {
        try Preparation(caller: caller, paths: store.paths).prepare(given, request, id: id)
    }

    /// - Parameter audit: the row of a client's request that becomes this task.
    package func submit(
        _ prepared: PreparedAttempt, _ request: RunRequest, audit: AuditEntry? = nil
    ) throws -> Result {
        let id = prepared.taskID
        var spec = prepared.spec
        spec.surroundings = Surroundings.kept(of: caller.environment)
        spec.limits = prepared.frozen.limits
        let kept = KeptInput(id, store.paths)
        do {
            try kept.write(values(of: request.variables), request.standardInput)
            Trace.mark("input.kept")
            let submission = try store.submit(spec, id: id, bounds: bounds, audit: audit)
            Trace.mark("store.submit")
            guard let record = submission.record else {
                throw StoreError(.io, "The task \(id) was claimed although it was only to be queued.")
            }
            var isEarlier = false
            if case .existing = submission { isEarlier = true }
            if isEarlier { try TaskFiles.remove(id, store.paths) }
            return Result(record: record, hint: nil, isEarlier: isEarlier)
        } catch {
            // Nothing was stored, so nothing may lie about.
            try? TaskFiles.remove(id, store.paths)
            throw error
        }
    }

    private func values(of requests: [EnvironmentRequest]) -> [String: String] {
        var values: [String: String] = [:]
        for request in requests {
            switch request {
            case .inherit(let name): values[name] = caller.environment[name]
            case .set(let name, let value): values[name] = value
            }
        }
        return values
    }
}

extension RunRequest {
    /// What a queued task was asked for with, read back from its row and its files.
    package init(queued task: QueuedTask, _ paths: StatePaths) throws(Refusal) {
        self.init()
        limits = try refusing { () throws(PolicyError) in try LimitRequest(options: task.spec.limitOptions ?? [:]) }
        let kept = KeptInput(task.id, paths)
        let values: [String: String]?
        do throws(SupervisionError) {
            values = try kept.variables()
        } catch {
            throw Refusal(error.reason)
        }
        variables = (values ?? [:]).sorted { $0.key < $1.key }.map { .set($0.key, $0.value) }
        if task.spec.stdin != .none, task.spec.command != nil {
            guard let file = kept.standardInput else {
                throw Refusal(Self.missing("The standard input", task.id))
            }
            standardInput = .file(file)
        }
    }

    private static func missing(_ what: String, _ task: TaskID) -> Reason {
        Reason(.refusedConfig, "\(what) of \(task) cannot be found any more in its directory.")
    }
}
