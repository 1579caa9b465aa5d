import MCP
import OrderedCollections
import Policy
import Store
import Supervision
import Synchronization

/// What one client may have done, and the way there. It owns nothing: tasks are rows of the store and processes of the daemon, so
/// that this process may be killed at any moment.
final class Delegation: Sendable {
    /// As the door knows it.
    let client: String
    let grant: Grant
    /// Policies that a person has to agree to each time.
    let asked: Set<String>
    let places: Places

    private let opened = Mutex<Store?>(nil)
    private let isStarting = Atomic(false)
    private let lastLook = Mutex<ContinuousClock.Instant?>(nil)
    /// One delegation at a time: what is counted holds until it is written down.
    let turn = Mutex(())

    /// Where state and configuration are.
    struct Places: Sendable {
        var paths: StatePaths
        var configuration: ConfigurationOptions
    }

    init(client: String, grant: Grant, asked: Set<String>, places: Places) {
        self.client = client
        self.grant = grant
        self.asked = asked
        self.places = places
    }

    /// Opened when it is first needed, so that a client can ask what there is although the store cannot be had.
    func store() throws -> Store {
        try opened.withLock { opened in
            if let store = opened {
                do {
                    try store.checkPlace()
                    return store
                } catch let error as StoreError where error.code == .moved {
                    opened = nil
                }
            }
            let store = try Store.open(places.paths)
            opened = store
            return store
        }
    }

    /// With the configuration of this moment.
    func caller() throws -> Caller { try places.configuration.caller() }

    /// The record of a task of this client's; one of somebody else's is as unknown as one that there is not.
    func record(_ id: TaskID, in store: Store) throws -> TaskRecord {
        guard let record = try store.record(id), isVisible(record) else { throw ToolFailure.unknownTask }
        return record
    }

    func isVisible(_ record: TaskRecord) -> Bool {
        record.client == client && WorkspaceCheck.isWithin(record.workspace, roots: grant.roots)
    }

    // MARK: - Who runs it

    /// Sees to it that there is a daemon, and waits for nothing.
    func wakeDaemon(_ store: Store) {
        guard !isStarting.exchange(true, ordering: .acquiring) else { return }
        Task {
            defer { isStarting.store(false, ordering: .releasing) }
            do {
                let start = DaemonStart(store, configuration: Environment.current["CLAUDINE_CONFIG_DIR"])
                _ = try await start.ensure()
            } catch {
                StandardError.say(
                    "no daemon came up to run what was delegated: \(Failure(error, exits: .asCommand)?.message ?? "\(error)")"
                )
            }
        }
    }

    /// Brings the store in line with what is really alive, at most once a second: whoever ran a task may have died.
    func look(_ store: Store) async throws {
        let isDue = lastLook.withLock { last in
            let now = ContinuousClock.now
            if let last, now - last < .seconds(1) { return false }
            last = now
            return true
        }
        guard isDue else { return }
        try await BeforeReading.recover(store)
        let waiting = TaskFilter(states: [.queued, .blocked], limit: 1, client: client)
        if try !store.list(waiting).isEmpty, try store.daemon().map(\.isLeaving) ?? true { wakeDaemon(store) }
    }
}

extension Delegation {
    /// A tool whose errors are told to the model where it can do something about them.
    func tool(
        _ name: String, _ title: String, _ description: String, input: JSON, output: JSON,
        _ annotations: ToolAnnotations,
        meta: JSON? = nil, _ body: @escaping @Sendable (inout Arguments, RequestContext) async throws -> ToolOutcome
    ) -> Tool {
        Tool(
            name: name, title: title, description: description, inputSchema: input, outputSchema: output,
            annotations: annotations, meta: meta
        ) { call, context in
            var arguments = Arguments(call)
            do {
                return try await body(&arguments, context)
            } catch {
                guard let failure = ToolFailure(error) else { throw error }
                return .result(failure.result)
            }
        }
    }

    var tools: [Tool] {
        [
            delegateTask, taskStatus, waitTask, taskLogs, taskResult, cancelTask, retryTask, resumeTask, policyInfo,
        ]
    }
}

extension JSONValue {
    /// The same value as messages have it.
    var message: JSON {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .string(let text): .string(text)
        case .array(let elements): .array(elements.map(\.message))
        case .object(let members):
            .object(.init(uniqueKeysWithValues: members.sorted { $0.key < $1.key }.map { ($0.key, $0.value.message) }))
        }
    }
}
