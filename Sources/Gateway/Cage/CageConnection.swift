import NIOCore
import NIOHTTP1

/// One connection from inside the cage: judges each request, forwards it, and passes the answer back as it comes.
///
/// Nothing is collected on the way. A side that cannot take more is not written to because the other side is not
/// read from: `read(context:)` here waits for the upstream, the one of `UpstreamConnection` waits for the cage.
final class CageConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case idle
        case exchanging(Exchange)
        /// The last answer is written; what still comes in is thrown away until the cage has seen it.
        case leaving
    }

    /// How long a cage that was sent its last answer may take to hang up.
    private static let leaveTimeout = Duration.seconds(2)

    private let configuration: GatewayConfiguration
    private let dialer: UpstreamDialer
    private let ledger: Ledger
    private let requestRules: RequestRules
    private let headerRules: HeaderRules

    private var context: ChannelHandlerContext?
    private var state = State.idle
    private var isReadHeld = false
    private let patience: Patience
    private let parking: ParkingPlace

    init(
        _ configuration: GatewayConfiguration, dialer: UpstreamDialer, ledger: Ledger, eventLoop: any EventLoop
    ) {
        self.configuration = configuration
        self.dialer = dialer
        self.ledger = ledger
        requestRules = RequestRules(limits: configuration.limits)
        headerRules = HeaderRules(upstream: configuration.upstream, credential: configuration.credential)
        patience = Patience(on: eventLoop)
        parking = ParkingPlace(on: eventLoop, time: configuration.limits.parkTimeout)
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: The request

    private func begin(_ head: HTTPRequestHead) {
        let endpoint: RequestRules.Endpoint
        switch requestRules.judge(head) {
        case .refuse(let problem): return refuse(problem, head)
        case .forward(let found): endpoint = found
        }
        if configuration.credential.kind == .none { return refuse(.noCredential, head) }

        var exchange = Exchange(endpoint: endpoint, request: head)
        ledger.forwarded()
        if let upstream = parking.take() {
            upstream.client = self
            exchange.upstream = upstream
            state = .exchanging(exchange)
            upstream.send(.head(headerRules.request(head)))
        } else {
            state = .exchanging(exchange)
            dial()
        }
    }

    private func dial() {
        guard let context else { return }
        dialer.connect(on: context.eventLoop).assumeIsolated().whenComplete { [weak self] result in
            switch result {
            case .success(let channel):
                // Gone in the meantime: nobody wants this connection any more.
                guard let self, self.connected(channel) else { return channel.close(promise: nil) }
            case .failure(let error):
                self?.fail { .unreachable($0, sentence(for: error)) }
            }
        }
    }

    /// - Returns: Whether there still is a request to send over this connection.
    private func connected(_ channel: any Channel) -> Bool {
        guard case .exchanging(var exchange) = state, exchange.upstream == nil else { return false }
        let upstream = UpstreamConnection()
        do {
            try channel.pipeline.syncOperations.addHandler(upstream)
        } catch {
            fail { .unreachable($0, sentence(for: error)) }
            return false
        }
        upstream.client = self
        let waiting = exchange.waiting
        exchange.waiting = []
        exchange.upstream = upstream
        state = .exchanging(exchange)
        guard channel.isActive else {
            upstreamEnded(nil)
            return true
        }
        upstream.send(.head(headerRules.request(exchange.request)))
        for part in waiting { upstream.send(part) }
        resumeReading()
        return true
    }

    private func forward(_ body: ByteBuffer) {
        guard case .exchanging(var exchange) = state else { return }
        exchange.bodyBytes += body.readableBytes
        guard exchange.bodyBytes <= configuration.limits.bodyBytes else {
            exchange.upstream?.close()
            return refuse(.bodyTooLarge(configuration.limits.bodyBytes), exchange.request)
        }
        pass(.body(.byteBuffer(body)), in: &exchange)
        state = .exchanging(exchange)
        awaitBody()
    }

    private func endRequest() {
        guard case .exchanging(var exchange) = state else { return }
        exchange.requestEnded = true
        pass(.end(nil), in: &exchange)
        state = .exchanging(exchange)
        // From here on it is the upstream that takes its time; a model may think for many minutes.
        patience.end()
    }

    private func pass(_ part: HTTPClientRequestPart, in exchange: inout Exchange) {
        if let upstream = exchange.upstream {
            upstream.send(part)
        } else {
            exchange.waiting.append(part)
        }
    }

    // MARK: The answer

    func receive(_ part: HTTPClientResponsePart) {
        guard case .exchanging(var exchange) = state else { return }
        switch part {
        case .head(let head): beginAnswer(head, &exchange)
        case .body(let bytes): passAnswer(bytes, &exchange)
        case .end: endAnswer(exchange)
        }
    }

    private func beginAnswer(_ head: HTTPResponseHead, _ exchange: inout Exchange) {
        guard head.status.code >= 200 else {
            return fail { .cut($0, "it answered with status \(head.status.code)") }
        }
        let encodings = head.headers[canonicalForm: "content-encoding"].filter { $0.lowercased() != "identity" }
        if let encoding = encodings.first, head.status.mayHaveResponseBody {
            return fail { _ in .encoding(String(encoding)) }
        }
        exchange.status = head.status
        exchange.keepsUpstream = head.isKeepAlive && exchange.requestEnded
        exchange.keepsClient = exchange.request.isKeepAlive && exchange.requestEnded
        if exchange.endpoint == .messages, (200..<300).contains(head.status.code) {
            exchange.meter = head.headers.first(name: "content-type").flatMap(AnswerMeter.init(contentType:))
        }
        exchange.filter = SecretFilter(configuration.credential.secret)
        var answer = headerRules.answer(head)
        if !exchange.keepsClient { answer.headers.replaceOrAdd(name: "connection", value: "close") }
        state = .exchanging(exchange)
        write(.head(answer))
    }

    private func passAnswer(_ bytes: ByteBuffer, _ exchange: inout Exchange) {
        if let spent = exchange.meter?.scan(bytes.readableBytesView), spent != TokenCounts() {
            ledger.spent(spent, model: exchange.meter?.model ?? "unknown")
        }
        let clean = exchange.filter?.pass(bytes) ?? bytes
        state = .exchanging(exchange)
        if clean.readableBytes > 0 { write(.body(.byteBuffer(clean))) }
    }

    private func endAnswer(_ finished: Exchange) {
        var exchange = finished
        if let held = exchange.filter?.finish() { write(.body(.byteBuffer(held))) }
        let isTurn = exchange.meter?.isComplete ?? false
        ledger.record(
            .answered(
                .init(
                    path: exchange.endpoint.rawValue, status: Int(exchange.status?.code ?? 0),
                    model: exchange.meter?.model, tokens: exchange.meter?.tokens ?? TokenCounts(), isTurn: isTurn,
                    milliseconds: (NIODeadline.now() - exchange.start).nanoseconds / 1_000_000)))
        if exchange.keepsUpstream, let upstream = exchange.upstream {
            parking.park(upstream)
        } else {
            exchange.upstream?.close()
        }
        guard exchange.keepsClient else { return leave(writing: .end(nil)) }
        // The next request may already be waiting, and is delivered from within this write: be ready for it.
        state = .idle
        awaitHead()
        write(.end(nil))
        flushAnswer()
    }

    func flushAnswer() {
        context?.flush()
    }

    /// The connection to the upstream is gone, with or without a reason it gave.
    func upstreamEnded(_ error: (any Error)?) {
        guard let error else { return fail { .cut($0, "it closed the connection") } }
        fail { isTLSFailure(error) ? .unreachable($0, sentence(for: error)) : .cut($0, sentence(for: error)) }
    }

    /// The exchange cannot be finished: an error if nothing was answered yet, else a cut, never a clean end.
    private func fail(_ problem: (UpstreamAddress) -> APIProblem) {
        guard case .exchanging(let exchange) = state else { return }
        exchange.upstream?.close()
        let problem = problem(configuration.upstream)
        ledger.record(.failed(.init(code: problem.code, message: problem.message)))
        if exchange.status == nil {
            answer(problem, keepAlive: exchange.requestEnded && exchange.request.isKeepAlive)
        } else {
            state = .leaving
            context?.close(promise: nil)
        }
    }

    // MARK: Answers of the gateway's own

    private func refuse(_ problem: APIProblem, _ head: HTTPRequestHead?) {
        let request = head.map { shown("\($0.method) \($0.uri)") }
        ledger.record(
            .refused(
                .init(code: problem.code, status: Int(problem.status.code), message: problem.message, request: request))
        )
        if case .exchanging(let exchange) = state, exchange.status != nil {
            state = .leaving
            context?.close(promise: nil)
            return
        }
        // A sound request without a body ends right here, and the connection can go on.
        let isSound = problem.status == .forbidden || problem.status == .unauthorized
        answer(problem, keepAlive: isSound && head.map { $0.isKeepAlive && !$0.headers.announceBody } ?? false)
    }

    /// What the cage asked for, safe to print on a terminal.
    private func shown(_ request: String) -> String {
        let printable = request.utf8.prefix(200).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: printable, as: UTF8.self)
    }

    private func answer(_ problem: APIProblem, keepAlive: Bool) {
        let body = ByteBuffer(string: problem.body)
        var headers = HTTPHeaders([
            ("content-type", "application/json"), ("content-length", String(body.readableBytes)),
            // Claude Code would otherwise repeat what can never succeed.
            ("x-should-retry", problem.status.code < 500 ? "false" : "true"),
        ])
        if !keepAlive { headers.add(name: "connection", value: "close") }
        state = keepAlive ? .idle : .leaving
        write(.head(HTTPResponseHead(version: .http1_1, status: problem.status, headers: headers)))
        write(.body(.byteBuffer(body)))
        guard keepAlive else { return leave(writing: .end(nil)) }
        awaitHead()
        write(.end(nil))
        flushAnswer()
    }

    /// Writes the last part and says goodbye without cutting it: closing a socket with unread bytes in it would
    /// make the kernel reset the connection and throw away the answer at the other end.
    private func leave(writing part: HTTPServerResponsePart) {
        guard let context else { return }
        state = .leaving
        parking.clear()
        context.writeAndFlush(wrapOutboundOut(part)).assumeIsolated().whenComplete { [weak self] _ in
            self?.context?.close(mode: .output, promise: nil)
        }
        patience.set(Self.leaveTimeout) { [weak self] in self?.context?.close(promise: nil) }
        resumeReading()
    }

    private func write(_ part: HTTPServerResponsePart) {
        context?.write(wrapOutboundOut(part), promise: nil)
    }

    // MARK: Patience

    /// Also ends a connection that is merely kept: the cage opens another when it needs one.
    private func awaitHead() {
        patience.set(configuration.limits.headTimeout) { [weak self] in self?.context?.close(promise: nil) }
    }

    private func awaitBody() {
        patience.set(configuration.limits.bodyTimeout) { [weak self] in self?.bodyOverdue() }
    }

    private func bodyOverdue() {
        guard case .exchanging(let exchange) = state else { return }
        // It is the upstream that does not take more, not the cage that does not send.
        guard !isReadHeld else { return awaitBody() }
        exchange.upstream?.close()
        refuse(.bodyTimeout, exchange.request)
    }

    // MARK: Back-pressure

    /// The upstream can take more; a read that was held back is made up for.
    func resumeReading() {
        guard isReadHeld else { return }
        isReadHeld = false
        context?.read()
    }

    func read(context: ChannelHandlerContext) {
        if case .exchanging(let exchange) = state, !exchange.requestEnded, !(exchange.upstream?.isWritable ?? false) {
            isReadHeld = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, case .exchanging(let exchange) = state { exchange.upstream?.resumeReading() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: ChannelHandler

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        awaitHead()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        patience.end()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard case .idle = state else { return }
            patience.end()
            begin(head)
            if case .exchanging = state { awaitBody() }
        case .body(let bytes): forward(bytes)
        case .end: endRequest()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .leaving: return
        case .exchanging(let exchange): exchange.upstream?.close()
        case .idle: break
        }
        if let error = error as? HTTPParserError {
            let problem: APIProblem =
                error == .headerOverflow ? .headersTooLarge(configuration.limits.headerBytes) : .malformed("\(error)")
            refuse(problem, nil)
        } else {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        patience.end()
        parking.clear()
        if case .exchanging(let exchange) = state {
            exchange.upstream?.close()
            ledger.record(
                .failed(.init(code: "gateway.clientGone", message: "the cage hung up before the answer was complete")))
        }
        state = .leaving
        context.fireChannelInactive()
    }
}
