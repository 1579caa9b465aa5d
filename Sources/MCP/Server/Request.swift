/// A request on its way.
struct Request: Sendable {
    let id: RequestID
    let method: String
    let params: JSON
    /// Where its answer goes, and what is said before it.
    let channel: any Channel
    /// Nil when nobody wants to be told.
    let progress: ProgressReport?

    init(id: RequestID, method: String, params: JSON, channel: any Channel) {
        self.id = id
        self.method = method
        self.params = params
        self.channel = channel
        let token = params["_meta"]?[MetaKey.progressToken]
        if let token, token.string != nil || token.integer != nil {
            progress = ProgressReport(token: token) {
                channel.send(.notification(method: "notifications/progress", params: $0))
            }
        } else {
            progress = nil
        }
    }

    var isSubscription: Bool { method == "subscriptions/listen" }
}
