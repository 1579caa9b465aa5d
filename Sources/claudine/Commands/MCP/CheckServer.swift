import MCP
import MCPClients

/// What came of one version of the protocol.
struct ServerCheck: Encodable {
    var version: String
    /// Milliseconds from the start of the process to its first answer.
    var firstAnswerMs: Double?
    var tools: Int?
    /// Milliseconds that a tool took, the median of 11 calls one after the other.
    var calls: [String: Double]?
    /// What does not work; nil when everything does.
    var problem: String?

    /// They change nothing, and take no arguments that they cannot do without.
    private static let tools = ["PolicyInfo", "TaskStatus"]
    private static let callsOfEach = 11

    static func of(_ version: ProtocolVersion, _ server: ServerEntry) -> ServerCheck {
        var check = ServerCheck(version: version.rawValue)
        do throws(CheckConversation.Problem) {
            // What it says is the same every time.
            let conversation = try CheckConversation(server, isHeard: version.isModern)
            try check.run(version, conversation)
        } catch {
            check.problem = error.message
        }
        return check
    }

    private mutating func run(
        _ version: ProtocolVersion, _ conversation: CheckConversation
    ) throws(CheckConversation.Problem) {
        let params = Self.envelope(version)
        try open(version, conversation, params)
        firstAnswerMs = Self.milliseconds(ContinuousClock.now - conversation.began)
        if !version.isModern { try conversation.tell("notifications/initialized") }
        let names = try conversation.ask("tools/list", params)["tools"]?.array?.compactMap { $0["name"]?.string } ?? []
        tools = names.count
        for tool in Self.tools {
            guard names.contains(tool) else { throw CheckConversation.Problem("there is no tool \(tool)") }
            calls = (calls ?? [:]).merging([tool: try Self.call(tool, conversation, params)]) { $1 }
        }
        try conversation.end()
    }

    private func open(
        _ version: ProtocolVersion, _ conversation: CheckConversation, _ params: JSON
    ) throws(CheckConversation.Problem) {
        guard !version.isModern else {
            let supported = try conversation.ask("server/discover", params)["supportedVersions"]?.array ?? []
            guard supported.contains(.string(version.rawValue)) else {
                throw CheckConversation.Problem("server/discover does not name this version")
            }
            return
        }
        let agreed = try conversation.ask(
            "initialize",
            ["protocolVersion": .string(version.rawValue), "capabilities": [:], "clientInfo": Self.client])
        guard agreed["protocolVersion"]?.string == version.rawValue else {
            throw CheckConversation.Problem("initialize came to \(agreed["protocolVersion"]?.text ?? "no version")")
        }
    }

    /// What each request carries since 2026-07-28; before, nothing.
    private static func envelope(_ version: ProtocolVersion) -> JSON {
        guard version.isModern else { return [:] }
        let meta: JSON = .members([
            MetaKey.version: .string(version.rawValue), MetaKey.capabilities: [:], MetaKey.client: client,
        ])
        return ["_meta": meta]
    }

    private static let client: JSON = ["name": "claudine mcp check", "version": .string(Version.number)]

    private static func call(
        _ tool: String, _ conversation: CheckConversation, _ envelope: JSON
    ) throws(CheckConversation.Problem) -> Double {
        var params = envelope
        params["name"] = .string(tool)
        params["arguments"] = [:]
        var times: [Double] = []
        for _ in 0..<callsOfEach {
            let start = ContinuousClock.now
            let result = try conversation.ask("tools/call", params)
            times.append(milliseconds(ContinuousClock.now - start))
            guard result["isError"]?.bool != true else {
                throw CheckConversation.Problem(
                    "\(tool): \(result["content"]?.array?.first?["text"]?.string ?? "an error")")
            }
        }
        return times.sorted()[callsOfEach / 2]
    }

    /// To a hundredth.
    private static func milliseconds(_ duration: Duration) -> Double { (duration / .microseconds(10)).rounded() / 100 }

    var row: [TextTable.Cell] {
        if let problem { return [.init("fails", .red), .init(version), .init(problem.oneLine)] }
        let times = Self.tools.compactMap { tool in calls?[tool].map { "\(tool) \($0) ms" } }.joined(separator: ", ")
        return [
            .init("ok", .green), .init(version),
            .init("first answer after \(firstAnswerMs ?? 0) ms, \(tools ?? 0) tools, \(times)"),
        ]
    }
}
