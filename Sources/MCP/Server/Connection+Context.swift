import Synchronization

extension Connection {
    /// - Parameter request: nil for what belongs to none.
    func context(
        _ client: Client, _ request: Request?, answers: [String: JSON] = [:], state: JSON? = nil,
        volunteered: [String: JSON] = [:]
    ) -> RequestContext {
        RequestContext(
            client: client, principal: principal, meta: request?.params["_meta"] ?? [:], answers: answers, state: state,
            volunteered: volunteered, progressReport: request?.progress, sendLog: request.flatMap { log(client, $0) })
    }

    /// Before 2026-07-28 a connection has a level; since then each request that wants messages names one.
    private func log(_ client: Client, _ request: Request) -> (@Sendable (LogLevel, String?, JSON) -> Void)? {
        guard server.hasLogging else { return nil }
        let least =
            client.version.isModern
            ? request.params["_meta"]?[MetaKey.logLevel]?.string.flatMap(LogLevel.init) : state.withLock { $0.logLevel }
        guard let least else { return nil }
        let channel = request.channel
        return { level, logger, data in
            guard level >= least else { return }
            let params = JSON.members([
                "level": .string(level.rawValue), "logger": logger.map(JSON.string), "data": data,
            ])
            channel.send(.notification(method: "notifications/message", params: params))
        }
    }
}
