import Agents
import Testing

@Suite struct StreamTests {
    private struct Reading: Equatable {
        var steps: [AgentStep] = []
        var summary = AgentSummary()

        init(_ parts: [ArraySlice<UInt8>], longestLine: Int = StreamJSONReader.longestLine) {
            var reader = StreamJSONReader(longestLine: longestLine)
            for part in parts { steps += reader.feed(Array(part)) }
            steps += reader.finish()
            summary = reader.summary
        }
    }

    private func read(_ text: String, longestLine: Int = StreamJSONReader.longestLine) -> (
        steps: [AgentStep], summary: AgentSummary
    ) {
        let reading = Reading([Array(text.utf8)[...]], longestLine: longestLine)
        return (reading.steps, reading.summary)
    }

    @Test(arguments: Transcript.all)
    func everySituationHasItsVerdict(transcript: Transcript) {
        let reading = Reading([transcript.bytes[...]])
        #expect(AgentVerdict(exitCode: transcript.exitCode, summary: reading.summary) == transcript.verdict)
    }

    @Test(arguments: Transcript.all)
    func aSplitAtAnyByteChangesNothing(transcript: Transcript) {
        let bytes = transcript.bytes
        let whole = Reading([bytes[...]])
        for cut in 0...bytes.count {
            #expect(Reading([bytes[..<cut], bytes[cut...]]) == whole, "cut at \(cut)")
        }
        #expect(Reading(bytes.indices.map { bytes[$0...$0] }) == whole)
    }

    @Test func successInDetail() {
        let reading = Reading([Transcript.all[0].bytes[...]])
        #expect(
            reading.steps == [
                .initialised(model: "claude-opus-5-5"), .text("Ich prüfe das 👩‍👩‍👧."),
                .toolUse(name: "Bash", summary: "ls -l | head"),
                .toolResult(isError: false, firstLine: "total 4"), .result(isError: false, subtype: "success"),
            ])
        let summary = reading.summary
        #expect(summary.sessionID == Transcript.session && summary.model == "claude-opus-5-5")
        #expect(summary.result == .init(text: "done ✓\nreally", isError: false))
        #expect(summary.subtype == "success" && summary.terminalReason == "completed" && summary.turns == 6)
        #expect(
            summary.usage
                == AgentUsage(
                    inputTokens: 1_000, outputTokens: 50, cacheReadTokens: 3_000, cacheWriteTokens: 200, costUsd: 0.0066
                ))
        #expect(summary.invalidLines == 0 && summary.oversizedLines == 0 && summary.results == 1)
    }

    @Test func otherDetails() throws {
        func reading(_ name: String) throws -> Reading {
            Reading([try #require(Transcript.all.first { $0.name == name }).bytes[...]])
        }
        #expect(try reading("tool denied").summary.permissionDenials == ["Write", "Bash"])
        #expect(try reading("Bash command failed").steps.contains(.toolResult(isError: true, firstLine: "Exit code 1")))
        let retried = try reading("API error")
        #expect(retried.steps.contains(.retry(attempt: 2, of: 10, delayMs: 1_085, status: 529)))
        #expect(retried.summary.apiErrorStatus == 529)
        let several = try reading("several results, the last good").summary
        #expect(
            several.results == 2 && several.result == .init(text: "second", isError: false)
                && several.subtype == "success")
        #expect(try reading("crash").summary.invalidLines == 2)
        #expect(try reading("budget").summary.usage?.costUsd == 1.2)
    }

    @Test func usageIsTheModelsSumAndElseTheRunsOwn() {
        let sum = read(
            #"{"type":"result","is_error":false,"usage":{"input_tokens":1},"modelUsage":{"a":{"inputTokens":10,"outputTokens":1},"b":{"inputTokens":5,"cacheReadInputTokens":-7}}}"#
        ).summary.usage
        #expect(sum == AgentUsage(inputTokens: 15, outputTokens: 1))
        let own = read(
            #"{"type":"result","is_error":false,"usage":{"input_tokens":1,"output_tokens":2},"modelUsage":{}}"#
        ).summary.usage
        #expect(own == AgentUsage(inputTokens: 1, outputTokens: 2))
        #expect(read(#"{"type":"result"}"#).summary.usage == nil)
        let largest = #"{"inputTokens":9223372036854775807}"#
        #expect(
            read(#"{"type":"result","modelUsage":{"a":\#(largest),"b":\#(largest)}}"#).summary.usage?.inputTokens
                == .max)
    }

    @Test func aResumedSessionsShareIsTheDifference() {
        let earlier = AgentUsage(
            inputTokens: 10, outputTokens: 5, cacheReadTokens: 1, cacheWriteTokens: 2, costUsd: 0.5)
        let later = AgentUsage(inputTokens: 15, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 4, costUsd: 0.75)
        #expect(
            later.since(earlier)
                == AgentUsage(inputTokens: 5, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 2, costUsd: 0.25))
    }

    /// Every field may be of a type that nobody expected; the rest of the line still counts.
    @Test(arguments: [
        #"{"type":"result","is_error":false,"result":5,"session_id":["x"],"num_turns":"many","usage":[],"modelUsage":3,"permission_denials":{},"errors":7}"#,
        #"{"type":"result","is_error":"no","subtype":"success","num_turns":1e99,"total_cost_usd":"free","terminal_reason":{}}"#,
        #"{"is_error":false,"type":"result","usage":{"input_tokens":"a"},"modelUsage":{"m":null}}"#,
    ])
    func wrongTypesCountAsAbsent(line: String) {
        let summary = read(line).summary
        #expect(summary.invalidLines == 0 && summary.results == 1 && summary.result?.isError == false)
        #expect(summary.sessionID == nil && summary.turns == nil && summary.usage?.costUsd == nil)
    }

    @Test(arguments: [
        "not json", "[1,2]", "3", "\"text\"", "null", "{", "{\"type\":\"result\"", "{\"a\":1}}", "{'type':'result'}",
        "\0",
    ])
    func whatIsNoObjectIsCountedAndPassedOver(line: String) {
        let (steps, summary) = read(line + "\n" + #"{"type":"result","is_error":false,"result":"ok"}"#)
        #expect(summary.invalidLines == 1 && summary.result?.text == "ok" && steps.count == 1)
    }

    @Test func invalidUTF8IsCounted() {
        let bytes = Array(#"{"type":"result","is_error":false,"result":""#.utf8) + [0xFF] + Array("\"}\n".utf8)
        #expect(Reading([bytes[...]]).summary.invalidLines == 1)
    }

    @Test func unknownTypesAndEmptyLinesSayNothing() {
        let (steps, summary) = read(
            "\n\r\n   \n" + #"{"type":"stream_event","event":{}}"# + "\r\n" + #"{"no":"type"}"# + "\n{}\n")
        #expect(steps.isEmpty && summary == AgentSummary())
    }

    @Test func aLineAboveTheBoundIsSkippedAndCounted() {
        let long = #"{"type":"result","is_error":true,"result":"\#(String(repeating: "x", count: 5_000))"}"#
        let good = #"{"type":"result","is_error":false,"result":"ok"}"#
        let (steps, summary) = read(long + "\n" + good + "\n" + long, longestLine: 1_000)
        #expect(summary.oversizedLines == 2 && summary.invalidLines == 0)
        #expect(summary.result?.text == "ok" && steps.count == 1)
        #expect(read(good, longestLine: good.utf8.count).summary.result?.text == "ok")
        #expect(read(good, longestLine: good.utf8.count - 1).summary.oversizedLines == 1)
        let silent = AgentVerdict(exitCode: 0, summary: read(long, longestLine: 1_000).summary)
        guard case .failure("agent.error", let message, 1) = silent else {
            Issue.record("\(silent)")
            return
        }
        #expect(message.contains("1 of its lines"))
    }

    @Test func aLineOfMegabytesIsRead() {
        let text = String(repeating: "0123456789abcdef", count: 1 << 19)
        let bytes = Array(#"{"type":"result","is_error":false,"result":"\#(text)"}"#.utf8)
        let parts = stride(from: 0, to: bytes.count, by: 65_536).map { bytes[$0..<min(bytes.count, $0 + 65_536)] }
        #expect(Reading(parts).summary.result?.text.utf8.count == 8 << 20)
    }

    @Test func aGapLosesItsLineAndNoOther() {
        let good = Array((#"{"type":"result","is_error":false,"result":"ok"}"# + "\n").utf8)
        var reader = StreamJSONReader()
        #expect(reader.feed(good + Array(#"{"type":"res"#.utf8)).count == 1)
        reader.skipGap()
        #expect(reader.feed(Array("is_error\":true}\n".utf8) + good).count == 1)
        #expect(reader.summary.oversizedLines == 1 && reader.summary.invalidLines == 0 && reader.summary.results == 2)
    }

    /// Deep nesting must not use up the stack.
    @Test func nestingIsBounded() {
        let deep = #"{"type":"user","message":{"content":"# + String(repeating: #"[{"content":"#, count: 100_000)
        #expect(read(deep).summary.invalidLines == 1)
        let closed = String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000)
        #expect(read(#"{"type":"x","y":\#(closed)}"#).summary.invalidLines == 1)
    }

    @Test(arguments: 0..<60)
    func garbageIsNeverFatal(seed: UInt64) {
        var generator = SeededGenerator(seed)
        let alphabet = Array("{}[]\",:\\ntrue0-9.eE\n\u{7F}é".utf8) + [0x00, 0xFF, 0xC0]
        let base = Transcript.all[Int(seed) % Transcript.all.count].bytes
        var bytes = base
        for _ in 0..<Int.random(in: 1...30, using: &generator) {
            guard let at = bytes.indices.randomElement(using: &generator) else { break }
            let noise = (0..<Int.random(in: 0...8, using: &generator)).compactMap { _ in
                alphabet.randomElement(using: &generator)
            }
            bytes.replaceSubrange(at..<min(bytes.count, at + Int.random(in: 0...20, using: &generator)), with: noise)
        }
        let good = Array(("\n" + #"{"type":"result","is_error":false,"result":"after all"}"# + "\n").utf8)
        let reading = Reading([(bytes + good)[...]])
        #expect(reading.summary.result?.text == "after all")
        let cut = Int.random(in: 0...bytes.count, using: &generator)
        #expect(Reading([bytes[..<cut], bytes[cut...], good[...]]) == reading)
    }

    @Test func plainTextAgentsAreJudgedByTheirExitCode() {
        #expect(AgentVerdict(exitCode: 0, summary: nil) == .success)
        #expect(
            AgentVerdict(exitCode: 3, summary: nil)
                == .failure(code: "exit.nonzero", message: "the agent exited with code 3", exitCode: 3))
        let fine = read(#"{"type":"result","is_error":false,"result":"ok"}"#).summary
        #expect(
            AgentVerdict(exitCode: 9, summary: fine)
                == .failure(
                    code: "exit.nonzero", message: "the agent exited with code 9 although it reported success",
                    exitCode: 9))
    }
}
