import Synchronization

/// One client: what it has asked and is not answered yet, and what was agreed upon with it.
///
/// The era is found out for each request and never locked: a client that has tried the new one may go on in the old one, and
/// some send both.
public final class Connection: Sendable {
    let server: Server
    public let principal: String
    /// For what belongs to no request.
    let channel: any Channel
    private let isModernOnly: Bool

    fileprivate struct Flight {
        var number: UInt64
        var request: Request
        var task: Task<Void, Never>
    }

    struct State {
        /// After `initialize`.
        var agreed: Client?
        /// After `logging/setLevel`.
        var logLevel = LogLevel.debug
        fileprivate var flights: [RequestID: Flight] = [:]
        fileprivate var lastFlight: UInt64 = 0
        /// Handlers at work, of requests and of subscriptions: also those that were cancelled and do not heed it.
        fileprivate var working = 0
        fileprivate var listening = 0
        /// Requests of ours.
        var questions: [RequestID: CheckedContinuation<Result<JSON, ResponseError>, Never>] = [:]
        var lastQuestion: Int64 = 0
        /// Subscriptions of before 2026-07-28.
        var watches: [Watch: Task<Void, Never>] = [:]
        fileprivate var nonsense = 0
        var isClosed = false
    }

    let state = Mutex(State())

    /// - Parameters:
    ///   - principal: whom the transport takes the client for.
    ///   - channel: for whatever is not said in answer to a request, and for answers where `receive` names no other channel.
    ///   - isModernOnly: nothing can be agreed upon, so that every request has to carry its envelope.
    public init(server: Server, principal: String, channel: any Channel, isModernOnly: Bool = false) {
        self.server = server
        self.principal = principal
        self.channel = channel
        self.isModernOnly = isModernOnly
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
            begin(Request(id: id, method: method, params: params, channel: answers ?? channel))
        case .notification("notifications/cancelled", let params):
            if let id = RequestID(params["requestId"]) { cancel(id) }
        case .notification("notifications/initialized", _): watchLists()
        case .notification: break
        case .response(let id, let result):
            state.withLock { $0.questions.removeValue(forKey: id) }?.resume(returning: result)
        }
    }

    /// Tells whoever sent what is no message, where that can be done without answering somebody else.
    ///
    /// - Returns: false when it is time to end the connection.
    public func refuse(_ refusal: Message.Refusal, answers: (any Channel)? = nil) -> Bool {
        server.onRefusal(refusal)
        if let id = refusal.id { (answers ?? channel).send(.response(id, .failure(refusal.error))) }
        return state.withLock { state in
            state.nonsense += 1
            return state.nonsense < server.limits.nonsense
        }
    }

    // MARK: - Requests

    /// Finds out by which rules a request is served. What is agreed upon is answered at once, so that it counts for the next message,
    /// however soon that comes.
    private func begin(_ request: Request) {
        do throws(ResponseError) {
            guard state.withLock({ $0.flights[request.id] == nil }) else { throw .twin }
            if case .modern(let client) = try Envelope(request.params) {
                try launch(request, for: client)
            } else if isModernOnly {
                throw Envelope.missing(MetaKey.version)
            } else if let result = try opening(request) {
                request.channel.send(.response(request.id, .success(result)))
            } else {
                try launch(request, for: try agreed(for: request))
            }
        } catch {
            request.channel.send(.response(request.id, .failure(error)))
        }
    }

    private func launch(_ request: Request, for client: Client) throws(ResponseError) {
        let refusal: ResponseError? = state.withLock { state in
            guard !state.isClosed else { return ResponseError(.internal, "The server is leaving.") }
            // Two may come at once where a client has several ways to this connection.
            guard state.flights[request.id] == nil else { return .twin }
            let isSubscription = request.isSubscription
            let most = isSubscription ? server.limits.subscriptions : server.limits.inFlight
            guard (isSubscription ? state.listening : state.working) < most else {
                return .busy(most, isSubscription ? "subscriptions" : "requests")
            }
            if isSubscription { state.listening += 1 } else { state.working += 1 }
            state.lastFlight += 1
            let number = state.lastFlight
            state.flights[request.id] = Flight(
                number: number, request: request, task: Task { await self.serve(request, number, for: client) })
            return nil
        }
        if let refusal { throw refusal }
    }

    private func serve(_ request: Request, _ number: UInt64, for client: Client) async {
        let answer = await self.answer(request, for: client)
        // Whoever has cancelled a request is not answered: its flight is gone.
        let isAwaited = state.withLock { state in
            if request.isSubscription { state.listening -= 1 } else { state.working -= 1 }
            guard state.flights[request.id]?.number == number else { return false }
            state.flights[request.id] = nil
            return true
        }
        request.progress?.end()
        if isAwaited { request.channel.send(.response(request.id, answer)) }
    }

    private func answer(_ request: Request, for client: Client) async -> Result<JSON, ResponseError> {
        do {
            let result = try await (client.version.isModern ? modernResult : legacyResult)(request, client)
            return .success(result)
        } catch let error as ResponseError {
            return .failure(error)
        } catch {
            if Task.isCancelled { return .failure(ResponseError(.internal, "The request was cancelled.")) }
            let reference = server.reference(to: error)
            return .failure(
                ResponseError(
                    .internal, "The server failed at this (reference \(reference)).",
                    data: ["reference": .string(reference)]))
        }
    }

    private func cancel(_ id: RequestID) {
        let flight = state.withLock { $0.flights.removeValue(forKey: id) }
        flight?.request.progress?.end()
        flight?.task.cancel()
    }

    // MARK: - The end

    /// Waits until everything is answered that can be, subscriptions left aside, but not for long.
    func finish(within patience: Duration) async {
        let end = ContinuousClock.now + patience
        while !isIdle, ContinuousClock.now < end {
            do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
        }
    }

    /// Takes nothing more, and ends what is being done; nothing of that is answered.
    public func close() {
        let (flights, watches, questions) = state.withLock { state in
            defer { (state.flights, state.watches, state.questions, state.isClosed) = ([:], [:], [:], true) }
            return (state.flights, state.watches, state.questions)
        }
        for flight in flights.values {
            flight.request.progress?.end()
            flight.task.cancel()
        }
        for task in watches.values { task.cancel() }
        for question in questions.values {
            question.resume(returning: .failure(ResponseError(.internal, "The connection has ended.")))
        }
    }

    /// Whether there is nothing left to answer; subscriptions never are.
    public var isIdle: Bool { state.withLock { $0.flights.values.allSatisfy { $0.request.isSubscription } } }
}

extension ResponseError {
    fileprivate static let twin = ResponseError(.invalidRequest, "A request with this id is not answered yet.")

    /// - Parameter most: how many may be open at a time.
    static func busy(_ most: Int, _ what: String) -> ResponseError {
        ResponseError(
            .internal, "\(most) \(what) are open already, as many as may be.", data: ["retryAfterMs": 1000])
    }
}
