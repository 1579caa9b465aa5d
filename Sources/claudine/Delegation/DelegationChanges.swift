import MCP
import Store

/// Tasks of the Tasks extension, and what subscribers are told.
extension Delegation {
    var tasks: Tasks {
        Tasks(
            get: { [self] id, _ in try await known(id) { store, record in try snapshot(record, store) } },
            cancel: { [self] id, _ in
                let isKnown = try await known(id) { store, record in
                    let result = try store.requestStop(record.taskId, by: .client)
                    if result?.hasEffect == true {
                        try store.audit(
                            AuditEntry(
                                client: client, tool: "tasks/cancel", digest: record.taskId.text, decision: .accepted))
                    }
                    return true
                }
                return isKnown ?? false
            },
            // Nothing is asked while a task runs: consent comes before there is one.
            update: { [self] id, _, _ in try await known(id) { _, _ in true } ?? false })
    }

    /// Nil for a task that is not this client's.
    private func known<Value>(_ id: String, _ body: (Store, TaskRecord) throws -> Value) async throws -> Value? {
        guard let id = TaskID(id) else { return nil }
        do {
            let store = try store()
            try await look(store)
            return try body(store, record(id, in: store))
        } catch {
            guard let failure = ToolFailure(error) else { throw error }
            if failure.code == ToolFailure.unknownTask.code { return nil }
            throw ResponseError(.internal, "[\(failure.code)] \(failure.message)")
        }
    }

    var changes: Changes {
        Changes(
            lists: false,
            grant: { [self] interest, _ in
                var granted = Interest()
                guard let store = try? store() else { return granted }
                granted.tasks = interest.tasks.filter {
                    TaskID($0).map { (try? record($0, in: store)) != nil } ?? false
                }
                granted.resources = interest.resources.filter { uri in
                    if [TaskURI.tasks, TaskURI.policy].contains(uri) { return true }
                    return TaskURI.parse(uri).map { (try? record($0.task, in: store)) != nil } ?? false
                }
                return granted
            },
            stream: { [self] interest, _ in
                AsyncStream { continuation in
                    let watch = Task {
                        do { try await tell(interest, continuation) } catch is CancellationError {} catch {
                            StandardError.say(
                                "a subscription ended: \(Failure(error, exits: .asCommand)?.message ?? "\(error)")")
                        }
                        continuation.finish()
                    }
                    continuation.onTermination = { _ in watch.cancel() }
                }
            })
    }

    /// What of a thing is compared to find out whether it has changed.
    private struct Sight: Equatable {
        var states: [String] = []
        var written: UInt64 = 0
    }

    private func tell(_ interest: Interest, _ continuation: AsyncStream<Change>.Continuation) async throws {
        let store = try store()
        var seen: [String: Sight] = [:]
        for await _ in store.changes() {
            try Task.checkCancellation()
            for id in interest.tasks {
                guard let task = TaskID(id), let record = try? record(task, in: store) else { continue }
                let sight = Sight(states: [record.state.rawValue, "\(record.attempt ?? 0)"])
                let before = seen.updateValue(sight, forKey: id)
                // One that has ended by now may have done so since the client asked.
                if before.map({ $0 != sight }) ?? record.state.isTerminal {
                    continuation.yield(.task(try snapshot(record, store)))
                }
            }
            for uri in interest.resources {
                let sight = try sight(of: uri, store)
                if let before = seen.updateValue(sight, forKey: uri), before != sight {
                    continuation.yield(.resource(uri))
                }
            }
            // Not more often than once a second of the same thing; what happens meanwhile is told then.
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func sight(of uri: String, _ store: Store) throws -> Sight {
        if uri == TaskURI.tasks { return Sight(states: ["\(try store.lastEvent())"]) }
        guard let (id, part, _) = TaskURI.parse(uri), let record = try? record(id, in: store) else { return Sight() }
        var sight = Sight(states: [record.state.rawValue, "\(record.attempt ?? 0)"])
        if part == .log, let attempt = record.attempt {
            sight.written = try TaskOutput(id, attempt: attempt, store)?.written ?? 0
        }
        return sight
    }
}
