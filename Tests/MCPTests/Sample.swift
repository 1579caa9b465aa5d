import Synchronization

@testable import MCP

/// A small server with one of each.
enum Sample {
    static let echo = Tool(
        name: "echo", title: "Echo", description: "Says it again.",
        inputSchema: ["type": "object", "properties": ["text": ["type": "string"]], "required": ["text"]],
        outputSchema: ["type": "object"],
        annotations: ToolAnnotations(readOnly: true, destructive: false, idempotent: true, openWorld: false),
        meta: ["x/y": 1]
    ) { call, _ in
        guard let text = call.arguments["text"]?.string else { return .result(.failure("'text' is missing.")) }
        return .result(
            ToolResult(structured: ["text": .string(text)], links: [Resource(uri: "a:b", name: "b", title: "B")]))
    }

    /// Ends when it is let, or cancelled.
    static let hold = Tool(name: "hold", description: "Waits.", inputSchema: ["type": "object"]) { _, context in
        context.progress(1)
        try await Task.sleep(for: .seconds(600))
        return .result(ToolResult([]))
    }

    static let ask = Tool(name: "ask", description: "Asks.", inputSchema: ["type": "object"]) { _, context in
        guard case .accept(let content)? = context.answer("name") else {
            let schema: JSON = ["type": "object", "properties": ["name": ["type": "string"]]]
            return .inputRequired(
                InputRequired(["name": .form(message: "Who?", schema: schema)], state: ["asked": true]))
        }
        let known = context.answers.keys.sorted().joined(separator: ",")
        return .result(ToolResult([.text("\(content.text) \(context.state?.text ?? "-") \(known)")]))
    }

    static let task = Tool(name: "task", description: "Goes on.", inputSchema: ["type": "object"]) { _, _ in
        .task(snapshot("new", .working))
    }

    static let fail = Tool(name: "fail", description: "Fails.", inputSchema: ["type": "object"]) { _, _ in
        throw Secret()
    }

    struct Secret: Error {}

    static func snapshot(_ id: String, _ status: TaskSnapshot.Status) -> TaskSnapshot {
        TaskSnapshot(
            id: id, status: status, message: "m", createdAt: "2026-07-28T00:00:00Z",
            lastUpdatedAt: "2026-07-28T00:00:01Z", keptFor: nil, pollInterval: 2000)
    }

    static let snapshots = [
        snapshot("working", .working),
        snapshot("asking", .inputRequired(["k": .form(message: "Who?", schema: ["type": "object"])])),
        snapshot("completed", .completed(ToolResult([.text("t")], isError: true))),
        snapshot("failed", .failed(ResponseError(.internal, "e"))), snapshot("cancelled", .cancelled),
    ]

    static func server() -> Server {
        var server = Server(
            info: Implementation(name: "sample", version: "1", title: "Sample"), instructions: "Ask.",
            tools: { [echo, hold, ask, task, fail] },
            resources: Resources(
                list: { _ in [Resource(uri: "a:b", name: "b", title: "B", mimeType: "text/plain", size: 1)] },
                templates: [ResourceTemplate(uriTemplate: "a:{x}", name: "x", title: "X", description: "An x.")],
                read: { uri, _ in
                    uri == "a:b"
                        ? .contents([ResourceContents(uri: uri, mimeType: "text/plain", .text("t"))], freshFor: 5)
                        : nil
                }),
            prompts: {
                [
                    Prompt(name: "p", title: "P", description: "A p.", arguments: [PromptArgument("a", "An a.")]) {
                        arguments, _ in
                        .messages([PromptMessage(.user, .text(arguments["a"] ?? ""))])
                    }
                ]
            })
        server.completion = { request, _ in [request.value + "c"] }
        server.tasks = Tasks(
            get: { id, _ in snapshots.first { $0.id == id } }, cancel: { id, _ in id == "working" },
            update: { id, _, _ in id == "asking" })
        server.changes = Changes(
            lists: true,
            grant: { interest, _ in
                var granted = interest
                granted.resources = interest.resources.filter { $0 == "a:b" } + ["not:asked"]
                return granted
            },
            stream: { _, _ in
                AsyncStream { continuation in
                    continuation.yield(.toolList)
                    continuation.yield(.resource("a:b"))
                    continuation.yield(.task(snapshots[0]))
                    continuation.finish()
                }
            })
        server.hasLogging = true
        return server
    }
}

/// A client of a connection in this process, which sees what is sent to it.
final class Desk: Sendable {
    let connection: Connection
    private let sent = Recorder()

    private final class Recorder: Channel {
        let messages = Mutex<[Message]>([])
        func send(_ message: Message) { messages.withLock { $0.append(message) } }
    }

    init(_ server: Server = Sample.server(), principal: String = "somebody", isModernOnly: Bool = false) {
        connection = Connection(server: server, principal: principal, channel: sent, isModernOnly: isModernOnly)
    }

    /// What the client has got so far.
    var frames: [String] { sent.messages.withLock { $0.map { String(decoding: $0.bytes, as: UTF8.self) } } }

    func tell(_ text: String) { connection.receive(Array(text.utf8)) }

    /// Waits until the client has got something like this, and returns it.
    func frame(_ what: String, _ probe: (String) -> Bool) async throws -> String {
        let end = ContinuousClock.now + .seconds(60)
        while true {
            // Looked at after the end, too: a machine that has other things to do may sleep longer than it was told to.
            let isLast = ContinuousClock.now >= end
            if let found = frames.last(where: probe) { return found }
            guard !isLast else { throw Missing(what: what, frames: frames) }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    struct Missing: Error {
        var what: String
        var frames: [String]
    }

    /// Sends a request and returns its answer, without what begins all of them.
    func ask(_ method: String, _ params: String = "{}", id: String = "1") async throws -> String {
        let head = #"{"jsonrpc":"2.0","id":\#(id),"#
        sent.messages.withLock { $0.removeAll { String(decoding: $0.bytes, as: UTF8.self).hasPrefix(head) } }
        tell(#"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":\#(params)}"#)
        return String(try await frame(method) { $0.hasPrefix(head) }.dropFirst(head.count).dropLast())
    }

    func initialize(_ version: String = "2025-11-25", _ capabilities: String = "{}") async throws -> String {
        let client = #"{"name":"c","version":"1"}"#
        return try await ask(
            "initialize",
            #"{"protocolVersion":"\#(version)","capabilities":\#(capabilities),"clientInfo":\#(client)}"#)
    }

    /// Parameters in the envelope of 2026-07-28.
    static func modern(_ params: String = "", _ capabilities: String = "{}", _ meta: String = "") -> String {
        let version = #""io.modelcontextprotocol/protocolVersion":"2026-07-28""#
        let able = #""io.modelcontextprotocol/clientCapabilities":\#(capabilities)"#
        return #"{\#(params)\#(params.isEmpty ? "" : ",")"_meta":{\#(version),\#(able)\#(meta)}}"#
    }

    static let tasks = #"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#
}

/// SplitMix64, so that a failure can be tried again from the seed that it printed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
