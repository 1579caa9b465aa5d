/// What a server offers. It has no connection and no state of its own, so that one serves any number of them.
public struct Server: Sendable {
    public var info: Implementation
    /// For the model; clients cut it off, so the important words come first.
    public var instructions: String?
    public var tools: @Sendable () -> [Tool]
    public var resources: Resources?
    public var prompts: @Sendable () -> [Prompt]
    /// Nil offers none, not even the capability: some clients then hide all tools.
    public var completion: Completion?
    public var tasks: Tasks?
    /// What changes, for those who want to be told; nil where nothing does.
    public var changes: Changes?
    /// Whether tools send log messages, which 2026-07-28 deprecates.
    public var hasLogging = false
    public var limits = Limits()
    public var states = RequestStates()
    /// Is told of an error that was none of the client's, with the reference that the client was given.
    public var report: @Sendable (_ reference: String, _ error: any Error) -> Void = { _, _ in }
    /// Is told of what a client sent that is no message; he himself is told only where it is certain what he asked.
    public var onRefusal: @Sendable (Message.Refusal) -> Void = { _ in }

    public init(
        info: Implementation, instructions: String? = nil, tools: @escaping @Sendable () -> [Tool],
        resources: Resources? = nil, prompts: @escaping @Sendable () -> [Prompt] = { [] }
    ) {
        self.info = info
        self.instructions = instructions
        self.tools = tools
        self.resources = resources
        self.prompts = prompts
    }
}

/// What one connection may make a server hold.
public struct Limits: Sendable {
    /// Bytes of a message.
    public var message = 4 << 20
    /// Requests that are not answered yet.
    public var inFlight = 64
    /// Subscriptions.
    public var subscriptions = 32
    /// Resources and tasks of a subscription.
    public var interests = 256
    /// Bytes that wait to be written; beyond, notifications are dropped.
    public var unwritten = 1 << 20
    /// Bytes that wait to be written; beyond, the connection ends.
    public var mostUnwritten = 64 << 20
    /// Messages in a row that are none, after which the connection ends.
    public var nonsense = 100
    /// How long what is being done may go on when the client has nothing more to say.
    public var farewell = Duration.milliseconds(200)
    /// How long a client has to answer what it is asked.
    public var patience = Duration.seconds(120)
    /// How often one call may ask before it has to be content.
    public var rounds = 8

    public init() {}
}

/// Proposals for the argument of a prompt or of a template.
public typealias Completion = @Sendable (CompletionRequest, RequestContext) async throws -> [String]

public struct CompletionRequest: Hashable, Sendable {
    public enum Subject: Hashable, Sendable {
        case prompt(String)
        case template(String)
    }

    public var subject: Subject
    public var argument: String
    /// What has been typed of it.
    public var value: String
    /// Of the other arguments, those that are known.
    public var others: [String: String]
}

/// What somebody wants to be told of.
public struct Interest: Hashable, Sendable {
    public var toolList = false
    public var promptList = false
    public var resourceList = false
    /// URIs.
    public var resources: [String] = []
    /// Ids.
    public var tasks: [String] = []

    public init() {}
}

public enum Change: Sendable {
    case toolList, promptList, resourceList
    case resource(String)
    case task(TaskSnapshot)
}

public struct Changes: Sendable {
    /// Whether the three lists ever change.
    public var lists: Bool
    /// The part of an interest that this client may have.
    public var grant: @Sendable (Interest, RequestContext) async throws -> Interest
    /// Ends when its consumer does. May tell of the same resource as often as it likes: clients are told once a second.
    public var stream: @Sendable (Interest, RequestContext) -> AsyncStream<Change>

    public init(
        lists: Bool, grant: @escaping @Sendable (Interest, RequestContext) async throws -> Interest,
        stream: @escaping @Sendable (Interest, RequestContext) -> AsyncStream<Change>
    ) {
        self.lists = lists
        self.grant = grant
        self.stream = stream
    }
}
