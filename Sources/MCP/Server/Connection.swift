import Synchronization

/// One client: what it has asked and is not answered yet, and what was agreed upon with it.
///
/// The era is found out for each request and never locked: a client that has tried the new one may go on in the old one, and
/// some send both.
public final class Connection: Sendable {
    let server: Server
    public let principal: String
    /// For what belongs to no request.
    private let channel: any Channel

    private struct Flight {
        var number: UInt64
        var task: Task<Void, Never>?
        var progress: ProgressReport?
        var isSubscription: Bool
    }

    private struct State {
        /// After `initialize`.
        var agreed: Client?
        var logLevel = LogLevel.debug
        var flights: [RequestID: Flight] = [:]
        var lastFlight: UInt64 = 0
        /// Requests of ours.
        var questions: [RequestID: CheckedContinuation<Result<JSON, ResponseError>, Never>] = [:]
        var lastQuestion: Int64 = 0
        /// Subscriptions of before 2026-07-28, by URI; "" is the lists.
        var watches: [String: Task<Void, Never>] = [:]
        var nonsense = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    public init(server: Server, principal: String, channel: any Channel) {
        self.server = server
        self.principal = principal
        self.channel = channel
    }

    // MARK: - What comes

    /// - Parameters:
    ///   - bytes: one message.
    ///   - answers: where the answer goes, and what is said before it; nil for the connection's own channel.
    /// - Returns: false when the connection should end: there has been nothing but nonsense.
    @discardableResult
    public func receive(_ bytes: some Collection<UInt8>, answers: (any Channel)? = nil) -> Bool {
        do {
            receive(try Message.read(bytes), answers: answers)
            state.withLock { $0.nonsense = 0 }
            return true
        } catch {
            return refuse(error, answers: answers)
        }
    }

    public func receive(_ message: Message, answers: (any Channel)? = nil) {
        switch message {
        case .request(let id, let method, let params):
            begin(id, method, params, on: answers ?? channel)
        case .notification(let method, let params):
            if method == "notifications/cancelled", let id = RequestID(params["requestId"]) { cancel(id) }
        case .response(let id, let result):
            state.withLock { $0.questions.removeValue(forKey: id) }?.resume(returning: result)
        }
    }

    /// Tells whoever sent what is no message, where that can be done without answering somebody else.
    ///
    /// - Returns: false when it is time to end the connection.
    public func refuse(_ refusal: Message.Refusal, answers: (any Channel)? = nil) -> Bool {
        if let id = refusal.id { (answers ?? channel).send(.response(id, .failure(refusal.error))) }
        return state.withLock { state in
            state.nonsense += 1
            return state.nonsense < server.limits.nonsense
        }
    }

    private func begin(_ id: RequestID, _ method: String, _ params: JSON, on channel: any Channel) {
        let request = Request(id: id, method: method, params: params, channel: channel)
        var number: UInt64 = 0
        let refusal: ResponseError? = state.withLock { state in
            guard !state.isClosed else { return ResponseError(.internal, "The server is leaving.") }
            guard state.flights[id] == nil else {
                return ResponseError(.invalidRequest, "A request with this id is not answered yet.")
            }
            let same = state.flights.values.count { $0.isSubscription == request.isSubscription }
            let most = request.isSubscription ? server.limits.subscriptions : server.limits.inFlight
            guard same < most else {
                return ResponseError(
                    .internal,
                    "\(most) \(request.isSubscription ? "subscriptions" : "requests") are open already, as many as may be.",
                    data: ["retryAfterMs": 1000])
            }
            state.lastFlight += 1
            number = state.lastFlight
            state.flights[id] = Flight(
                number: number, progress: progress(of: request), isSubscription: request.isSubscription)
            return nil
        }
        if let refusal { return channel.send(.response(id, .failure(refusal))) }
        let flight = number
        let task = Task { await self.serve(request, flight) }
        // It may be over already.
        state.withLock { if $0.flights[id]?.number == flight { $0.flights[id]?.task = task } }
    }

    private func progress(of request: Request) -> ProgressReport? {
        guard let token = request.params["_meta"]?[MetaKey.progressToken], token.string != nil || token.integer != nil
        else { return nil }
        let channel = request.channel
        return ProgressReport(token: token) {
            channel.send(.notification(method: "notifications/progress", params: $0))
        }
    }

    private func serve(_ request: Request, _ number: UInt64) async {
        let result: Result<JSON, ResponseError>
        do {
            result = .success(
                try await self.result(of: request, progress: state.withLock { $0.flights[request.id]?.progress }))
        } catch let error as ResponseError {
            result = .failure(error)
        } catch {
            let reference = Self.reference()
            server.report(reference, error)
            result = .failure(
                ResponseError(
                    .internal, "The server failed at this (reference \(reference)).",
                    data: .members(["reference": .string(reference)])))
        }
        // Whoever has cancelled a request is not answered: its flight is gone.
        let flight = state.withLock { state -> Flight? in
            guard state.flights[request.id]?.number == number else { return nil }
            return state.flights.removeValue(forKey: request.id)
        }
        guard let flight else { return }
        flight.progress?.end()
        request.channel.send(.response(request.id, result))
    }

    private func cancel(_ id: RequestID) {
        let flight = state.withLock { $0.flights.removeValue(forKey: id) }
        flight?.progress?.end()
        flight?.task?.cancel()
    }

    // MARK: - What is agreed upon

    var agreed: Client? { state.withLock { $0.agreed } }

    /// False when that has been done before.
    func agree(_ client: Client) -> Bool {
        state.withLock { state in
            guard state.agreed == nil else { return false }
            state.agreed = client
            return true
        }
    }

    var logLevel: LogLevel {
        get { state.withLock { $0.logLevel } }
    }

    func setLogLevel(_ level: LogLevel) { state.withLock { $0.logLevel = level } }

    // MARK: - What is asked of the client

    /// Before 2026-07-28 a server sends requests of its own.
    func ask(_ method: String, _ params: JSON, on channel: any Channel) async throws(ResponseError) -> JSON {
        let id = state.withLock { state in
            state.lastQuestion += 1
            return RequestID.string("server-\(state.lastQuestion)")
        }
        let late = Result<JSON, ResponseError>.failure(ResponseError(.internal, "The client did not answer in time."))
        let patience = server.limits.patience
        let timer = Task { [weak self] in
            try? await Task.sleep(for: patience)
            self?.state.withLock { $0.questions.removeValue(forKey: id) }?.resume(returning: late)
        }
        defer { timer.cancel() }
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isClosed = state.withLock { state in
                    if !state.isClosed { state.questions[id] = continuation }
                    return state.isClosed
                }
                if isClosed { return continuation.resume(returning: late) }
                channel.send(.request(id, method: method, params: params))
            }
        } onCancel: {
            state.withLock { $0.questions.removeValue(forKey: id) }?.resume(returning: late)
        }
        return try answer.get()
    }

    // MARK: - Subscriptions of before 2026-07-28

    /// - Throws: when there are too many.
    func watch(_ key: String, _ interest: Interest, _ context: RequestContext) throws(ResponseError) {
        guard let changes = server.changes else { return }
        let isFull = state.withLock { $0.watches[key] == nil && $0.watches.count > server.limits.subscriptions }
        guard !isFull else {
            throw ResponseError(
                .internal, "\(server.limits.subscriptions) subscriptions are open already, as many as may be.")
        }
        let channel = channel
        let task = Task {
            for await change in changes.stream(interest, context) {
                guard let (method, params) = change.legacyNotification else { continue }
                channel.send(.notification(method: method, params: params))
            }
        }
        state.withLock { $0.watches.updateValue(task, forKey: key) }?.cancel()
    }

    func unwatch(_ key: String) { state.withLock { $0.watches.removeValue(forKey: key) }?.cancel() }

    // MARK: - The end

    /// Takes nothing more, and ends what is being done; nothing of that is answered.
    public func close() {
        let (flights, watches, questions) = state.withLock { state in
            defer { (state.flights, state.watches, state.questions, state.isClosed) = ([:], [:], [:], true) }
            return (state.flights, state.watches, state.questions)
        }
        for flight in flights.values {
            flight.progress?.end()
            flight.task?.cancel()
        }
        for task in watches.values { task.cancel() }
        for question in questions.values {
            question.resume(returning: .failure(ResponseError(.internal, "The connection has ended.")))
        }
    }

    /// Whether there is nothing left to answer.
    public var isIdle: Bool { state.withLock { $0.flights.isEmpty } }

    static func reference() -> String { String(UInt64.random(in: 0...UInt64.max), radix: 36) }
}

/// A request on its way.
struct Request: Sendable {
    var id: RequestID
    var method: String
    var params: JSON
    var channel: any Channel

    var isSubscription: Bool { method == "subscriptions/listen" }
}
