import Agents
import Testing

/// One row of what Claude Code was seen to print and exit with in one situation.
struct Transcript: Sendable, CustomTestStringConvertible {
    let name: String
    let lines: [String]
    let exitCode: Int32
    let verdict: AgentVerdict
    var testDescription: String { name }

    var bytes: [UInt8] { Array((lines.joined(separator: "\n") + "\n").utf8) }

    static let session = "6f2b3a52-5c1e-4a8e-9a4e-3f0d2f9f5b10"
    private static let start =
        #"{"type":"system","subtype":"init","cwd":"/w","session_id":"\#(session)","tools":["Bash","Edit"],"model":"claude-opus-5-5","mcp_servers":[],"unheard_of":{"a":[1,2,{"b":null}]}}"#
    private static let text =
        #"{"type":"assistant","message":{"model":"claude-opus-5-5","role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Ich prüfe das 👩‍👩‍👧."}],"usage":{"input_tokens":9,"output_tokens":1}},"session_id":"\#(session)"}"#
    private static let tool =
        #"{"type":"assistant","message":{"content":[{"type":"tool_use","id":"toolu_1","name":"Bash","input":{"description":"List","command":"ls -l\n  | head"}}]},"session_id":"\#(session)"}"#
    private static let toolResult =
        #"{"type":"user","message":{"role":"user","content":[{"tool_use_id":"toolu_1","type":"tool_result","content":"\n total 4\nfile","is_error":false}]}}"#
    private static let toolFailure =
        #"{"type":"user","message":{"role":"user","content":[{"tool_use_id":"toolu_1","type":"tool_result","content":[{"type":"text","text":"Exit code 1\nno"}],"is_error":true}]}}"#

    private static func result(
        _ fields: String, subtype: String = "success", isError: Bool = false, turns: Int = 6, cost: String = "0.0066"
    ) -> String {
        #"{"type":"result","subtype":"\#(subtype)","is_error":\#(isError),"session_id":"\#(session)","num_turns":\#(turns),"total_cost_usd":\#(cost),"usage":{"input_tokens":500,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"output_tokens":20,"server_tool_use":{"web_search_requests":0}},"modelUsage":{"claude-opus-5-5":{"inputTokens":1000,"outputTokens":50,"cacheReadInputTokens":3000,"cacheCreationInputTokens":200,"costUSD":0.0066,"provider":"firstParty"}},"queued_turn_count":0,\#(fields)}"#
    }

    private static func failure(_ code: String, _ message: String, _ exitCode: Int32) -> AgentVerdict {
        .failure(code: code, message: message, exitCode: exitCode)
    }

    static let all: [Transcript] = [
        Transcript(
            name: "success",
            lines: [
                start, text, tool, toolResult, result(#""result":"done ✓\nreally","terminal_reason":"completed""#),
            ],
            exitCode: 0, verdict: .success),
        Transcript(
            name: "tool denied",
            lines: [
                start, tool,
                result(
                    #""result":"could not","permission_denials":[{"tool_name":"Write","tool_use_id":"t","tool_input":{"x":1}},7,{"tool_name":"Bash"}]"#
                ),
            ], exitCode: 0, verdict: .success),
        Transcript(
            name: "Bash command failed", lines: [start, tool, toolFailure, result(#""result":"it failed""#)],
            exitCode: 0,
            verdict: .success),
        Transcript(
            name: "API error",
            lines: [
                start,
                #"{"type":"system","subtype":"api_retry","attempt":2,"max_retries":10,"retry_delay_ms":1084.5,"error_status":529,"error":"overloaded"}"#,
                #"{"type":"assistant","is_api_error_message":true,"api_error_status":529,"message":{"model":"<synthetic>","content":[{"type":"text","text":"API Error: 529"}]}}"#,
                result(
                    #""result":"API Error: 529","terminal_reason":"api_error","api_error_status":529"#, isError: true),
            ], exitCode: 1, verdict: failure("agent.error", "API Error: 529", 1)),
        Transcript(
            name: "connection cut",
            lines: [start, result(#""result":"API Error: Connection error.","api_error_status":null"#, isError: true)],
            exitCode: 1, verdict: failure("agent.error", "API Error: Connection error.", 1)),
        Transcript(
            name: "no credential",
            lines: [start, result(#""result":"Not logged in · Please run /login""#, isError: true)],
            exitCode: 1, verdict: failure("agent.error", "Not logged in · Please run /login", 1)),
        Transcript(
            name: "refusal",
            lines: [start, result(#""result":"I cannot","terminal_reason":"api_error""#, isError: true)],
            exitCode: 1, verdict: failure("agent.error", "I cannot", 1)),
        Transcript(
            name: "max tokens",
            lines: [start, text, text, result(#""result":"long","terminal_reason":"completed""#, turns: 7)],
            exitCode: 0, verdict: .success),
        Transcript(
            name: "max turns",
            lines: [
                start, tool,
                result(
                    #""errors":["Reached maximum number of turns (3)"],"terminal_reason":"max_turns""#,
                    subtype: "error_max_turns", isError: true, turns: 4),
            ], exitCode: 1, verdict: failure("agent.maxTurns", "Reached maximum number of turns (3)", 1)),
        Transcript(
            name: "budget",
            lines: [
                start,
                result(
                    #""errors":["Reached maximum budget ($1)"],"terminal_reason":"budget_exhausted""#,
                    subtype: "error_max_budget_usd", isError: true, cost: "1.2"),
            ], exitCode: 1, verdict: failure("agent.budget", "Reached maximum budget ($1)", 1)),
        Transcript(
            name: "SIGINT",
            lines: [
                start, tool,
                result(#""terminal_reason":"aborted_tools""#, subtype: "error_during_execution", isError: true),
            ], exitCode: 0, verdict: failure("agent.error", "the agent reported an error without saying which", 1)),
        Transcript(
            name: "SIGINT before the first byte", lines: [start], exitCode: 0,
            verdict: failure("agent.error", "the agent exited with code 0 but never reported a result", 1)),
        Transcript(
            name: "SIGTERM", lines: [start, tool], exitCode: 143,
            verdict: failure("exit.nonzero", "the agent exited with code 143, without a result", 143)),
        Transcript(
            name: "SIGHUP", lines: [start], exitCode: 129,
            verdict: failure("exit.nonzero", "the agent exited with code 129, without a result", 129)),
        Transcript(
            name: "usage error", lines: [""], exitCode: 1,
            verdict: failure("exit.nonzero", "the agent exited with code 1, without a result", 1)),
        Transcript(
            name: "crash", lines: [start, "panic: out of memory {", #"{"type":"#], exitCode: 134,
            verdict: failure("exit.nonzero", "the agent exited with code 134, without a result", 134)),
        Transcript(
            name: "several results, the last good",
            lines: [
                start, result(#""errors":["first"]"#, subtype: "error_during_execution", isError: true), start, text,
                #"{"type":"system","subtype":"task_notification","task_id":"x"}"#,
                result(#""result":"second","result_index":1"#),
            ], exitCode: 0, verdict: .success),
        Transcript(
            name: "several results, the last bad",
            lines: [start, result(#""result":"fine""#), start, result(#""result":"bad""#, isError: true)], exitCode: 1,
            verdict: failure("agent.error", "bad", 1)),
    ]
}
