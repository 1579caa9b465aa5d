import Testing

@testable import MCP

@Suite struct RequestStatesTests {
    private struct Nowhere: Channel {
        func send(_ message: Message) {}
    }

    private func request(_ params: JSON = ["name": "a"], _ method: String = "tools/call") -> Request {
        Request(id: .integer(1), method: method, params: params, channel: Nowhere())
    }

    private let resumption = RequestStates.Resumption(state: "s", asked: ["k"], answers: ["j": 1])

    @Test func aNameOpensOnce() throws {
        let states = RequestStates()
        let name = states.keep(resumption, of: request(), for: "p")
        #expect(name.wholeMatch(of: /[0-9a-f]{32}/) != nil)
        // What comes with a repetition does not make it another call, nor does the order of its parameters.
        let again = request(["requestState": .string(name), "inputResponses": ["k": 1], "name": "a", "_meta": ["x": 1]])
        let opened = try states.open(name, of: again, for: "p")
        #expect(opened.state == "s" && opened.asked == ["k"] && opened.answers == ["j": 1])
        #expect(throws: ResponseError.self) { try states.open(name, of: again, for: "p") }
    }

    @Test func onlyItsOwnCallOpensIt() {
        let states = RequestStates()
        let others: [(Request, String)] = [
            (request(["name": "b"]), "p"), (request(["name": "a", "arguments": [:]]), "p"), (request([:]), "p"),
            (request(["name": "a"], "prompts/get"), "p"), (request(), "q"), (request(), ""),
        ]
        for (other, principal) in others {
            let name = states.keep(resumption, of: request(), for: "p")
            #expect(throws: ResponseError.self) { try states.open(name, of: other, for: principal) }
            // Whoever tries has spent it.
            #expect(throws: ResponseError.self) { try states.open(name, of: request(), for: "p") }
        }
    }

    @Test func namesCannotBeMadeUp() {
        let states = RequestStates()
        let name = states.keep(resumption, of: request(), for: "p")
        for other in ["", String(name.dropLast()), name + "0", name.uppercased() + " ", String(name.reversed())] {
            #expect(throws: ResponseError.self) { try states.open(other, of: request(), for: "p") }
        }
        #expect(throws: Never.self) { try states.open(name, of: request(), for: "p") }
        #expect(Set((0..<1000).map { _ in states.keep(resumption, of: request(), for: "p") }).count == 1000)
    }

    @Test func timeRunsOut() async throws {
        let states = RequestStates(validity: .milliseconds(10))
        let name = states.keep(resumption, of: request(), for: "p")
        try await Task.sleep(for: .milliseconds(20))
        #expect(throws: ResponseError.self) { try states.open(name, of: request(), for: "p") }
    }

    @Test func theOldestGoFirst() throws {
        let states = RequestStates()
        let names = (0..<1001).map { _ in states.keep(resumption, of: request(), for: "p") }
        #expect(throws: ResponseError.self) { try states.open(names[0], of: request(), for: "p") }
        #expect(throws: Never.self) { try states.open(names[1], of: request(), for: "p") }
        // Also when a few hold too much.
        let big = request(["name": .string(String(repeating: "x", count: 3 << 20))])
        let bigNames = (0..<6).map { _ in states.keep(resumption, of: big, for: "p") }
        #expect(throws: ResponseError.self) { try states.open(bigNames[0], of: big, for: "p") }
        #expect(throws: Never.self) { try states.open(bigNames[5], of: big, for: "p") }
    }
}
