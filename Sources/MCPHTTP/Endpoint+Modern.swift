import HTTPTypes
import HummingbirdCore
import MCP

extension Endpoint {
    /// From 2026-07-28 on a request is all there is: it has a connection of its own, and to close its stream is to cancel it.
    func modern(_ message: Message, _ headers: HTTPFields) -> Reply {
        guard case .request(let id, let method, let params) = message else {
            guard case .notification = message else {
                return .response(.refusal(.badRequest, "Only requests and notifications are sent here, no answers."))
            }
            // There is none that means anything here (2026-07-28, "Streamable HTTP", Sending Messages).
            return .response(Response(status: .accepted))
        }
        do throws(ResponseError) {
            try RoutingHeaders(fields: headers).check(method, params)
        } catch {
            return .response(.refusal(.badRequest, id, error))
        }
        let exchange = Exchange(limits: server.limits)
        let connection = Connection(
            server: server, principal: gate.principal, channel: exchange, isModernOnly: true)
        connection.receive(message)
        let stream = EventStream(exchange: exchange, patience: timing.patience, keepAlive: timing.keepAlive) {
            ($0?.code.status ?? .ok, [:])
        }
        return .stream(stream, over: connection.close)
    }
}

extension JSON {
    /// Whether these `params` say anything of what 2026-07-28 has every request say.
    var hasEnvelope: Bool {
        [MetaKey.version, MetaKey.capabilities, MetaKey.client, MetaKey.logLevel].contains { self["_meta"]?[$0] != nil }
    }
}
