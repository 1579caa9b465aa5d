import Foundation
import Gateway
import Testing

let secretKey = "sk-ant-api03-THE-REAL-KEY-0123456789"

/// A gateway on a unix socket and a TCP socket, as a cage has them, in front of an upstream.
struct Cage {
    let gateway: Gateway
    let path: String
    let port: Int

    init(
        upstream port: Int, base: String = "", credential: Credential = .apiKey(secretKey, origin: "test"),
        limits: (inout GatewayLimits) -> Void = { _ in }
    ) async throws {
        try await self.init(upstream: "http://127.0.0.1:\(port)\(base)", credential: credential, limits: limits)
    }

    init(
        upstream: String, credential: Credential = .apiKey(secretKey, origin: "test"), trustRootsFile: String? = nil,
        limits: (inout GatewayLimits) -> Void = { _ in }
    ) async throws {
        path = FileManager.default.temporaryDirectory.path + "/gw-\(UUID().uuidString.prefix(13)).sock"
        let tcp = listeningSocket()
        port = tcp.port
        var bounds = GatewayLimits()
        limits(&bounds)
        gateway = try await Gateway.start(
            listeners: [listeningSocket(unix: path), tcp.descriptor],
            configuration: GatewayConfiguration(
                upstream: UpstreamAddress.parse(upstream), credential: credential, trustRootsFile: trustRootsFile,
                limits: bounds))
    }

    func connect() throws -> Wire { try .connect(unix: path) }

    func stop() async {
        await gateway.stop()
        unlink(path)
    }

    /// Sends one request on a connection of its own and reads the answer.
    func call(_ request: String) throws -> Message {
        let wire = try connect()
        try wire.send(request)
        return try #require(try MessageReader(wire).next())
    }

    /// The usage once `condition` holds; what the gateway counts last may come after what the cage reads last.
    func usage(when condition: (GatewayUsage) -> Bool) async throws -> GatewayUsage {
        for _ in 0..<500 where !condition(gateway.usage) { try await Task.sleep(for: .milliseconds(10)) }
        return gateway.usage
    }
}

/// A sound request with a JSON body.
func messagesRequest(
    _ body: String = #"{"model":"m"}"#, target: String = "/v1/messages?beta=true", headers: [String] = []
) -> String {
    let lines = [
        "POST \(target) HTTP/1.1", "host: localhost", "content-type: application/json",
        "content-length: \(body.utf8.count)",
    ]
    return (lines + headers).joined(separator: "\r\n") + "\r\n\r\n" + body
}

func event(_ json: String) -> String {
    let type = json.split(separator: "\"").dropFirst(3).first ?? ""
    return "event: \(type)\ndata: \(json)\n\n"
}

let messageStart = event(
    #"{"type":"message_start","message":{"id":"msg_1","type":"message","model":"claude-opus-5-5","content":[],"usage":{"input_tokens":1000,"cache_creation_input_tokens":200,"cache_read_input_tokens":3000,"cache_creation":{"ephemeral_5m_input_tokens":9999},"output_tokens":1}}}"#
)
let textDelta = event(
    #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\"usage\":{\"input_tokens\":77777} 👩‍👩‍👧"}}"#
)
let messageDelta = event(
    #"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":50}}"#)
let messageStop = event(#"{"type":"message_stop"}"#)
