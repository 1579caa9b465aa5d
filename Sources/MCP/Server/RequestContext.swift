/// What a handler knows of the request that it serves, and how it speaks to whoever made it.
public struct RequestContext: Sendable {
    public let client: Client
    /// Whom the transport took the client for; never what the client says of himself.
    public let principal: String
    /// The request's `_meta`.
    public let meta: JSON
    /// Answers to what was asked in this call, by key, of all rounds so far; never of anything that was not asked.
    public let answers: [String: JSON]
    /// What came along with the last questions: it never left this process, and belongs to this very call.
    public let state: JSON?
    /// Answers that came without having been asked for, as clients may send them along (2026-07-28, "Multi Round-Trip Requests").
    /// Nothing may depend on them that needs a person's consent.
    public let volunteered: [String: JSON]

    let progressReport: ProgressReport?
    let sendLog: (@Sendable (LogLevel, _ logger: String?, JSON) -> Void)?

    /// Whether a call may be answered with a task.
    public var acceptsTasks: Bool { client.version.isModern && client.capabilities.hasTasks }

    /// Says how far it has come, if the client asked to be told; what comes too fast, or does not go on, is left out.
    public func progress(_ done: Double, of total: Double? = nil, _ message: String? = nil) {
        progressReport?.tell(done, total, message)
    }

    /// Sends a log message where the client wants those of this level.
    public func log(_ level: LogLevel, logger: String? = nil, _ data: JSON) { sendLog?(level, logger, data) }

    /// What a person said to the form with this key; nil when it was not asked.
    public func answer(_ key: String) -> ElicitationAnswer? { answers[key].map(ElicitationAnswer.init) }
}
