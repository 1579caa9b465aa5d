/// The extension `io.modelcontextprotocol/tasks` (SEP-2663): a call that goes on behind its answer.
public enum TaskExtension {
    public static let name = "io.modelcontextprotocol/tasks"

    /// For what only a task can do, and a client that has not declared the extension.
    public static let undeclared = ResponseError(
        .missingClientCapability, "This needs a client that has declared the extension \(name).",
        data: ["requiredCapabilities": ["extensions": .members([name: [:]])]])
}

/// A task as it stands.
public struct TaskSnapshot: Hashable, Sendable {
    public enum Status: Hashable, Sendable {
        case working
        case inputRequired([String: InputRequest])
        /// Also when it failed at what it was to do: then its result says so.
        case completed(ToolResult)
        /// The server itself could not go on.
        case failed(ResponseError)
        case cancelled

        var word: String {
            switch self {
            case .working: "working"
            case .inputRequired: "input_required"
            case .completed: "completed"
            case .failed: "failed"
            case .cancelled: "cancelled"
            }
        }
    }

    public var id: String
    public var status: Status
    /// For people; clients do not show it to models.
    public var message: String?
    /// RFC 3339.
    public var createdAt: String
    public var lastUpdatedAt: String
    /// Milliseconds for which it is kept; nil without a bound.
    public var keptFor: Int64?
    /// Milliseconds between two questions.
    public var pollInterval: Int64?

    public init(
        id: String, status: Status, message: String? = nil, createdAt: String, lastUpdatedAt: String, keptFor: Int64?,
        pollInterval: Int64?
    ) {
        self.id = id
        self.status = status
        self.message = message
        self.createdAt = createdAt
        self.lastUpdatedAt = lastUpdatedAt
        self.keptFor = keptFor
        self.pollInterval = pollInterval
    }

    private var head: JSON {
        .members([
            "taskId": .string(id), "status": .string(status.word), "statusMessage": message.map(JSON.string),
            "createdAt": .string(createdAt), "lastUpdatedAt": .string(lastUpdatedAt),
            "ttlMs": keptFor.map(JSON.integer) ?? .null, "pollIntervalMs": pollInterval.map(JSON.integer),
        ])
    }

    /// The answer to the call that became a task.
    var created: JSON {
        var json = head
        json["resultType"] = "task"
        return json
    }

    /// With what its status brings.
    var detailed: JSON {
        var json = head
        switch status {
        case .working, .cancelled: break
        case .inputRequired(let requests):
            json["inputRequests"] = InputRequest.json(of: requests, for: .july2026)
        case .completed(let result):
            // The result of a call, which since 2026-07-28 says of what type it is.
            var call = result.json()
            call["resultType"] = "complete"
            json["result"] = call
        case .failed(let error): json["error"] = error.json
        }
        return json
    }
}

/// Whoever has tasks.
public struct Tasks: Sendable {
    /// Nil when there is none that this client may see.
    public var get: @Sendable (String, RequestContext) async throws -> TaskSnapshot?
    /// False when there is none; one that has ended stays as it is.
    public var cancel: @Sendable (String, RequestContext) async throws -> Bool
    /// Answers to what an `inputRequired` task asks, by key; those that it does not ask for do nothing. False when there is none.
    public var update: @Sendable (String, JSON, RequestContext) async throws -> Bool

    public init(
        get: @escaping @Sendable (String, RequestContext) async throws -> TaskSnapshot?,
        cancel: @escaping @Sendable (String, RequestContext) async throws -> Bool,
        update: @escaping @Sendable (String, JSON, RequestContext) async throws -> Bool
    ) {
        self.get = get
        self.cancel = cancel
        self.update = update
    }
}
