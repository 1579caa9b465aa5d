/// Reads the usage out of one answer of `/v1/messages` while it passes.
struct AnswerMeter {
    private enum Format {
        case json
        case events(EventLine)
    }

    /// Where in a line of a server-sent event stream the next byte belongs.
    private enum EventLine {
        /// So many bytes of "data:" have matched; 0 is the start of a line.
        case prefix(Int)
        case data
        /// A comment, or a field that is not `data`.
        case ignored
    }

    private static let dataPrefix = Array("data:".utf8)

    private var format: Format
    private var scanner = UsageScanner()
    private var settled = TokenCounts()
    private var sawMessageStop = false

    /// A meter for the given `content-type`, or `nil` where there is nothing to read.
    init?(contentType: String) {
        let mediaType = contentType.prefix { $0 != ";" }.lowercased().trimmingASCIIWhitespace()
        switch mediaType {
        case "text/event-stream": format = .events(.prefix(0))
        case "application/json": format = .json
        default: return nil
        }
    }

    var tokens: TokenCounts { scanner.tokens }
    var model: String? { scanner.model }

    /// Whether the whole message has passed, rather than an error or a piece.
    var isComplete: Bool {
        if case .events = format { return sawMessageStop }
        return scanner.type == "message"
    }

    /// - Returns: The tokens that these bytes added to what earlier ones had shown.
    mutating func scan(_ bytes: some Sequence<UInt8>) -> TokenCounts {
        for byte in bytes {
            switch format {
            case .json: scanner.scan(byte)
            case .events(let line): format = .events(scan(byte, in: line))
            }
        }
        defer { settled = scanner.tokens }
        return scanner.tokens - settled
    }

    private mutating func scan(_ byte: UInt8, in line: EventLine) -> EventLine {
        let isLineEnd = byte == 0x0A || byte == 0x0D
        switch line {
        case .prefix(0) where isLineEnd:
            // An empty line ends the event. CR LF looks like one after every line, which does no harm: the API
            // sends each document on one line.
            scanner.beginDocument()
            return .prefix(0)
        case .prefix(let matched):
            guard byte == Self.dataPrefix[matched] else { return isLineEnd ? .prefix(0) : .ignored }
            return matched + 1 == Self.dataPrefix.count ? .data : .prefix(matched + 1)
        case .data:
            scanner.scan(byte)
            guard isLineEnd else { return .data }
            if scanner.type == "message_stop" { sawMessageStop = true }
            return .prefix(0)
        case .ignored:
            return isLineEnd ? .prefix(0) : .ignored
        }
    }
}
