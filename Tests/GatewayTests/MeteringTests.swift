import Testing

@testable import Gateway

/// SplitMix64, so that a failure can be repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct MeteringTests {
    static let expected = TokenCounts(inputTokens: 1000, outputTokens: 50, cacheReadTokens: 3000, cacheWriteTokens: 200)

    static let stream =
        messageStart + ": a comment\r\n" + "event: ping\r\ndata: {\"type\":\"ping\"}\r\n\r\n" + textDelta
        + messageDelta + messageStop

    static let json = """
        {"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5-5",
         "content":[{"type":"text","text":"{\\"usage\\":{\\"input_tokens\\":5}} \\\\"},
                    {"type":"tool_use","input":{"usage":{"output_tokens":8},"model":"x","deep":[[[[{"usage":{"input_tokens":6}}]]]]}}],
         "stop_reason":"end_turn",
         "usage":{"input_tokens":1000,"cache_creation_input_tokens":200,"cache_read_input_tokens":3000,
                  "cache_creation":{"input_tokens":4444},"iterations":[{"output_tokens":4444}],"ratio":0.5,"output_tokens":50}}
        """

    private func meter(_ type: String, _ pieces: [ArraySlice<UInt8>]) throws -> (meter: AnswerMeter, spent: TokenCounts)
    {
        var meter = try #require(AnswerMeter(contentType: type))
        var spent = TokenCounts()
        for piece in pieces { spent = spent + meter.scan(piece) }
        return (meter, spent)
    }

    @Test(arguments: [
        ("text/event-stream; charset=utf-8", stream), ("application/json", json), ("Application/JSON", json),
    ])
    func readsUsageWhereverTheAnswerIsSplit(type: String, text: String) throws {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            let (meter, spent) = try meter(type, [bytes[..<cut], bytes[cut...]])
            #expect(meter.tokens == Self.expected)
            #expect(spent == Self.expected)
            #expect(meter.model == "claude-opus-5-5")
            #expect(meter.isComplete)
        }
        let (single, spent) = try meter(type, bytes.indices.map { bytes[$0...$0] })
        #expect(single.tokens == Self.expected && spent == Self.expected && single.isComplete)
    }

    @Test func aCutStreamCountsWhatItAnnounced() throws {
        let (meter, _) = try meter("text/event-stream", [Array((messageStart + textDelta).utf8)[...]])
        #expect(
            meter.tokens
                == TokenCounts(inputTokens: 1000, outputTokens: 1, cacheReadTokens: 3000, cacheWriteTokens: 200))
        #expect(!meter.isComplete)
    }

    @Test(arguments: [
        #"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#, #"{"input_tokens":12}"#, "", "null",
        "[[[",
        "}}}}]]]\"", #"{"usage":[{"input_tokens":5}]}"#, #"[{"usage":{"input_tokens":5}}]"#,
        #"{"usage":{"input_tokens":99999999999999999999999999}}"#, #"{"usage":{"input_tokens":-5}}"#,
        #"{"usage":{"input_tokens":1.5e3}}"#, #"{"usage":{"input_tokens":"5"}}"#,
    ])
    func findsNothingWhereThereIsNothing(text: String) throws {
        let (meter, spent) = try meter("application/json", [Array(text.utf8)[...]])
        #expect(spent == TokenCounts())
        #expect(!meter.isComplete)
    }

    @Test func memoryDoesNotGrowWithTheAnswer() throws {
        var meter = try #require(AnswerMeter(contentType: "application/json"))
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1 << 20)
        let long = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20)
        for _ in 0..<4 { _ = meter.scan(deep) }
        _ = meter.scan([UInt8(ascii: "\"")])
        for _ in 0..<4 { _ = meter.scan(long) }
        #expect(MemoryLayout.size(ofValue: meter) < 256)
        #expect(meter.tokens == TokenCounts())
    }

    @Test func onlyKnownFormatsAreRead() {
        #expect(AnswerMeter(contentType: "text/html") == nil)
        #expect(AnswerMeter(contentType: "") == nil)
    }

    @Test func modelNamesAreBounded() {
        var usage = GatewayUsage()
        for n in 0..<1000 { usage.add(TokenCounts(inputTokens: 1), model: "m\(n)") }
        #expect(usage.models.count == GatewayUsage.modelLimit + 1)
        #expect(usage.models["other"]?.inputTokens == 1000 - GatewayUsage.modelLimit)
        #expect(usage.tokens.inputTokens == 1000)
    }
}
