/// Tells one client of changes until it is cancelled, or there are no more of them and the last one is told.
struct Announcer: Sendable {
    let channel: any Channel
    /// Of every notification; nil before 2026-07-28.
    let meta: JSON?
    /// A resource that changes all the time is told of this often, the last change included.
    static let pause = Duration.seconds(1)

    func run(_ changes: AsyncStream<Change>) async {
        await withDiscardingTaskGroup { group in
            // Until when each resource has been told of; more than a pause ahead, the next telling is planned already.
            var told: [String: ContinuousClock.Instant] = [:]
            for await change in changes {
                guard case .resource(let uri) = change else {
                    send(change)
                    continue
                }
                let now = ContinuousClock.now
                let next = max(told[uri] ?? now, now)
                guard next - now <= Self.pause else { continue }
                told[uri] = next + Self.pause
                if next == now {
                    send(change)
                } else {
                    group.addTask {
                        do { try await Task.sleep(until: next) } catch { return }
                        send(change)
                    }
                }
            }
        }
    }

    private func send(_ change: Change) {
        guard let (method, plain) = change.notification(isModern: meta != nil) else { return }
        var params = plain
        if let meta { params["_meta"] = meta }
        channel.send(.notification(method: method, params: params))
    }
}

extension Change {
    /// Nil for what there was not before 2026-07-28.
    fileprivate func notification(isModern: Bool) -> (method: String, params: JSON)? {
        switch self {
        case .toolList: ("notifications/tools/list_changed", [:])
        case .promptList: ("notifications/prompts/list_changed", [:])
        case .resourceList: ("notifications/resources/list_changed", [:])
        case .resource(let uri): ("notifications/resources/updated", ["uri": .string(uri)])
        case .task(let task): isModern ? ("notifications/tasks", task.detailed) : nil
        }
    }
}
