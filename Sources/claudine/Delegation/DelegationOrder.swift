import MCP
import Policy
import Store
import Supervision
import Synchronization

/// What a client wants to have done, read and not yet allowed.
struct DelegationOrder {
    var spec: TaskSpec
    var limits: LimitRequest
    var key: String?
    var mode = DelegationMode.auto
    var isDryRun = false
    /// Variables of an earlier task that is repeated.
    var variables: [EnvironmentRequest] = []
    var input = PreparedAttempt.StandardInput.none

    /// The same for two equal requests of one client.
    func digest(_ tool: String) throws -> String {
        var spec = spec
        (spec.client, spec.grant, spec.idempotencyKey) = (nil, nil, nil)
        return Policy.digest(ofCanonicalJSON: tool + "\n" + (try JSONText.encode(spec)))
    }
}

extension Delegation {
    /// Accepted requests of a client in a minute.
    static let mostInAMinute = 30
    /// Requests of a client in a minute, those included that were refused.
    static let mostRequests = 300
    /// Tasks of a client that have not ended.
    static let mostLive = 200
    /// Milliseconds in which the same request without a key is the same task: models repeat a call whose answer they did not see.
    static let sameWithin: Int64 = 30_000

    /// From the wish to a task of the queue, in one way for all tools: known, counted, allowed, agreed to, durable.
    func delegate(_ order: DelegationOrder, _ tool: String, _ context: RequestContext) throws -> ToolOutcome {
        let store = try store()
        let digest = try order.digest(tool)
        func entry(_ decision: AuditDecision, _ task: TaskID? = nil) -> AuditEntry {
            AuditEntry(
                client: client, tool: tool, digest: digest, decision: decision, policy: order.spec.policy, task: task,
                toolUse: context.toolUse)
        }
        func note(_ decision: AuditDecision) throws { try store.audit(entry(decision)) }
        let outcome = try turn.withLock { _ -> Delegated in
            if order.key == nil, !order.isDryRun, let earlier = try recent(digest, store) {
                return .task(earlier, isEarlier: true)
            }
            try checkRequests(store)
            do {
                try checkRate(store)
            } catch {
                try note(.limited)
                throw error
            }
            var spec = order.spec
            (spec.client, spec.grant) = (client, grant)
            // Keys are a client's own.
            spec.idempotencyKey = order.key.map { "\(client)/\($0)" }
            var request = RunRequest()
            request.limits = order.limits
            request.variables = order.variables
            request.standardInput = order.input
            let caller = try caller()
            let queue = QueuedRun(store: store, caller: caller, bounds: caller.configuration.bounds)
            let prepared: PreparedAttempt
            do throws(Refusal) {
                prepared = try queue.prepare(spec, request)
            } catch {
                try note(.refused)
                throw ToolFailure(error.reason, hint: error.hint)
            }
            do {
                try checkHome(of: prepared.spec, store, caller)
            } catch {
                try note(.refused)
                throw error
            }
            if order.isDryRun { return .dryRun(prepared) }
            if let earlier = try store.earlier(prepared.spec) { return .task(earlier, isEarlier: true) }
            if asked.contains(prepared.policy.name) {
                do {
                    if let question = try ask(order, tool, digest, store, context) {
                        try note(.asked)
                        return .question(question)
                    }
                } catch let error as ToolFailure {
                    try note(error.code == Self.consentRequired ? .asked : .refused)
                    throw error
                }
            }
            let result = try queue.submit(prepared, request, audit: entry(.accepted, prepared.taskID))
            return .task(result.record, isEarlier: result.isEarlier)
        }
        switch outcome {
        case .question(let question): return .inputRequired(question)
        case .dryRun(let prepared): return .result(ToolResult(structured: dryRun(prepared)))
        case .task(let record, let isEarlier):
            if !record.state.isTerminal { wakeDaemon(store) }
            if context.acceptsTasks, order.mode == .auto { return .task(try snapshot(record, store)) }
            return .result(
                ToolResult(structured: TaskView.handle(record, isEarlier: isEarlier), links: TaskView.links(record)))
        }
    }

    private enum Delegated {
        case task(TaskRecord, isEarlier: Bool)
        case question(InputRequired)
        case dryRun(PreparedAttempt)
    }

    private func recent(_ digest: String, _ store: Store) throws -> TaskRecord? {
        let since = Timestamp(milliseconds: Timestamp.now().milliseconds - Self.sameWithin)
        guard let task = try store.task(ofRequest: digest, by: client, since: since) else { return nil }
        // Another process may serve the same client within other roots.
        return try store.record(task).flatMap { isVisible($0) ? $0 : nil }
    }

    /// Leaves no row: the record of what clients want must not be what fills the disk.
    private func checkRequests(_ store: Store) throws {
        let since = Timestamp(milliseconds: Timestamp.now().milliseconds - 60_000)
        let count = try store.requests(of: client, since: since)
        guard count < Self.mostRequests else {
            throw ToolFailure(
                "limit.rate", "\(count) requests came in the last minute; \(Self.mostRequests) is the most.",
                retryAfter: 60)
        }
    }

    private func checkRate(_ store: Store) throws {
        let now = Timestamp.now().milliseconds
        let last = try store.accepted(of: client, since: Timestamp(milliseconds: now - 60_000))
        if last.count >= Self.mostInAMinute, let first = last.first {
            throw ToolFailure(
                "limit.rate",
                "\(last.count) tasks were delegated in the last minute; \(Self.mostInAMinute) is the most.",
                retryAfter: Int(max(1, (first.milliseconds + 60_000 - now + 999) / 1000)))
        }
        let live = try store.liveTasks(of: client)
        guard live < Self.mostLive else {
            throw ToolFailure(
                "limit.tasks", "\(live) delegated tasks have not ended; \(Self.mostLive) is the most.",
                hint: "wait for some, or cancel some", retryAfter: 30)
        }
    }

    /// What would be in force, in the shape of a handle whose task there is not.
    private func dryRun(_ prepared: PreparedAttempt) -> JSON {
        [
            "taskId": .string(prepared.taskID.text), "state": "queued",
            "title": "dry run: nothing was delegated", "agent": .string(prepared.spec.agent),
            "policy": .string(prepared.policy.name), "workspace": .string(prepared.spec.workspace),
            "labels": .array(prepared.spec.labels.map(JSON.string)),
            "priority": .string(prepared.spec.priority.rawValue),
            "attempts": 0, "createdAt": .string(Timestamp.now().rfc3339),
            "limits": JSONValue.object(prepared.frozen.limits).message, "deduplicated": false, "resources": [:],
        ]
    }
}

extension RequestContext {
    /// The client's own name of the call, as much of it as is worth to be kept.
    var toolUse: String? { meta["claudecode/toolUseId"]?.string.map { Clean.prefix($0, bytes: 128).text } }
}
