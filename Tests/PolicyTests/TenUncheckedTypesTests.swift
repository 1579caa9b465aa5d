import Foundation
import ShepherdProtocol
import Testing

@testable import Policy

/// Issue 10 of docs/ten-issues.md: whatever comes from outside is `any`, and is believed to be what was hoped for.
struct TenUncheckedTypesTests {
    /// As in the predecessor's adapter: a cast, and a default where it does not fit.
    private enum NaiveEdge {
        static func timeout(_ request: [String: Any]) -> Int { request["timeout"] as? Int ?? 0 }
        static func isAllowed(_ request: [String: Any]) -> Bool { request["network"] as? Bool ?? true }

        /// A length is a number, and a number is believed.
        static func announced(_ frame: [UInt8]) -> Int { frame.prefix(4).reduce(0) { $0 << 8 | Int($1) } }
    }

    @Test func theNaiveEdgeTakesEverythingForSomething() {
        // A misspelt key, a string instead of a number: no limit, and nobody hears of it.
        #expect(NaiveEdge.timeout(["timeOut": 60]) == 0)
        #expect(NaiveEdge.timeout(["timeout": "60"]) == 0)
        #expect(NaiveEdge.isAllowed(["network": "no"]))
        #expect(NaiveEdge.announced([0xff, 0xff, 0xff, 0xff]) == 4_294_967_295)
    }

    private static let head = "schema = 1\nname = \"mine\"\ndescription = \"Mine.\"\nextends = \"strict\"\n"

    @Test(arguments: [
        ("[process]\nwall_tiem = \"1m\"\n", "wall_tiem"), ("[process]\nwall_time = 60\n", "wall_time"),
        ("[process]\nwall_time = true\n", "wall_time"), ("[process]\nwall_time = [\"1m\"]\n", "wall_time"),
        ("process = \"1m\"\n", "process"), ("[proces]\nwall_time = \"1m\"\n", "proces"),
        ("[limits]\nprocesses = \"many\"\n", "limits.processes"), ("[limits]\nprocesses = 1.5\n", "limits.processes"),
        ("[limits]\nprocesses = -1\n", "limits.processes"),
        ("[limits]\nmemory = 9223372036854775807\n", "limits.memory"),
    ]) func hereAPolicySaysExactlyWhatIsMeantOrIsRefused(_ text: String, _ key: String) {
        #expect(throws: Never.self) {
            try load(Self.head + "[process]\nwall_time = \"1m\"\n[limits]\nprocesses = 100\n")
        }
        let error = refusal { try load(Self.head + text) }
        #expect(error?.message.contains(key) == true, "\(String(describing: error))")
    }

    @Test(arguments: ["max_running = \"4\"", "maxRunning = 4", "max_running = 0"])
    func hereTheOperatorsFileIsHeldToTheSame(_ line: String) throws {
        #expect(try OperatorConfiguration(text: "[queue]\nmax_running = 4\n", file: "c").queue.maxRunning == 4)
        let error = refusal { try OperatorConfiguration(text: "[queue]\n\(line)\n", file: "config.toml") }
        #expect(error?.message.contains("unning") == true, "\(String(describing: error))")
    }

    @Test func hereALengthIsHeldToItsBoundBeforeAnythingIsMadeOfIt() {
        for length in [[0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff], [0, 0x20, 0, 0]] as [Bytes] {
            var decoder = FrameDecoder()
            decoder.append(length + Bytes(repeating: 0, count: 64))
            #expect(throws: FrameError.length) { try decoder.next() }
        }
        // Neither is a number that names nothing, nor a byte too many.
        #expect(throws: WireError.self) { try Report(type: 0x88, payload: [99, 0]) }
        #expect(throws: WireError.self) { try Report(type: 0x88, payload: [1, 2]) }
        #expect(throws: WireError.self) { try Report(type: 0x88, payload: [1, 0, 0]) }
    }
}
