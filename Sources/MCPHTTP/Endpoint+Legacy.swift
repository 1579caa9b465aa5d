import HTTPTypes
import HummingbirdCore
import MCP

/// 2025-03-26 to 2025-11-25, "Streamable HTTP", Session Management.
extension Endpoint {
    func legacy(_ message: Message, _ headers: HTTPFields) -> Reply {
        var id: RequestID?
        if case .request(let request, _, _) = message { id = request }
        if let version = headers[.mcpVersion], ProtocolVersion(rawValue: version) == nil {
            return .response(.refusal(.badRequest, id, Self.unsupported(version)))
        }
        guard let name = headers[.mcpSession] else {
            if case .request(let id, "initialize", _) = message { return initialize(id, message) }
            return .response(.refusal(.badRequest, id, Self.unknownClient))
        }
        guard let session = sessions[name] else { return .response(.refusal(.notFound, id, Self.noSession)) }
        guard let id else {
            session.receive(message)
            return .response(Response(status: .accepted))
        }
        let exchange = session.receive(id, message)
        let stream = EventStream(exchange: exchange, patience: timing.patience, keepAlive: timing.keepAlive)
        return .stream(stream, over: { session.forget(id, exchange) })
    }

    /// A session that could not begin never was: its name is told with the success alone.
    private func initialize(_ id: RequestID, _ message: Message) -> Reply {
        let session = Session(server: server, principal: gate.principal)
        let exchange = session.receive(id, message)
        let sessions = sessions
        let stream = EventStream(exchange: exchange, patience: timing.head, keepAlive: timing.keepAlive) { error in
            guard error == nil else { return (.ok, [:]) }
            sessions.add(session)
            return (.ok, [.mcpSession: session.id])
        }
        return .stream(
            stream,
            over: {
                session.forget(id, exchange)
                if sessions[session.id] == nil { session.close() }
            })
    }

    /// What belongs to no request.
    func listen(_ headers: HTTPFields) -> Reply {
        guard let name = headers[.mcpSession], !isModern(headers) else { return .response(Self.onlyPost) }
        guard MediaType.isAccepted(MediaType.events, by: headers) else {
            return .response(.refusal(.notAcceptable, "'Accept' has to list \(MediaType.events)."))
        }
        guard let session = sessions[name] else { return .response(.refusal(.notFound, nil, Self.noSession)) }
        let exchange = session.listen()
        let stream = EventStream(exchange: exchange, patience: .zero, keepAlive: timing.keepAlive)
        return .stream(stream, over: { session.leave(exchange) })
    }

    func end(_ headers: HTTPFields) -> Reply {
        guard let name = headers[.mcpSession], !isModern(headers) else { return .response(Self.onlyPost) }
        guard sessions[name] != nil else { return .response(.refusal(.notFound, nil, Self.noSession)) }
        sessions.end(name)
        return .response(Response(status: .noContent))
    }

    private func isModern(_ headers: HTTPFields) -> Bool {
        headers[.mcpVersion].flatMap(ProtocolVersion.init)?.isModern == true
    }

    private static let noSession = ResponseError(
        .invalidRequest, "There is no such session, or no more: begin a new one by 'initialize'.")
    private static let unknownClient = ResponseError(
        .invalidRequest,
        "The request belongs to no session: send 'initialize' first, or put the version of the protocol (\(ProtocolVersion.july2026.rawValue)) into '_meta' of each request."
    )

    private static func unsupported(_ version: String) -> ResponseError {
        ResponseError(
            .unsupportedVersion, "The version '\(version.prefix(40))' of the protocol is not spoken here.",
            data: .members([
                "supported": .array(ProtocolVersion.modern.map { .string($0.rawValue) }),
                "requested": .string(String(version.prefix(40))),
            ]))
    }
}
