import HTTPTypes

/// What `Content-Type` and `Accept` speak of (RFC 9110, 8.3.1 and 12.5.1), without parameters.
enum MediaType {
    static let json = "application/json"
    static let events = "text/event-stream"

    static func isSent(_ type: String, by headers: HTTPFields) -> Bool {
        headers[values: .contentType].map(name) == [type]
    }

    /// Also by a range that has it in.
    static func isAccepted(_ type: String, by headers: HTTPFields) -> Bool {
        let ranges = [type, "\(type.prefix { $0 != "/" })/*", "*/*"]
        return headers[values: .accept].flatMap { $0.split(separator: ",") }.contains { ranges.contains(name($0)) }
    }

    private static func name(_ text: some StringProtocol) -> String {
        String(text.prefix { $0 != ";" }.filter { !$0.isWhitespace }).lowercased()
    }
}
