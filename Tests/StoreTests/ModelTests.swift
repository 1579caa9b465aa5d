import Testing

@testable import Store

struct ModelTests {
    @Test func taskIDsAreRandomAndOfTheContractsShape() throws {
        let ids = (0..<100).map { _ in TaskID.random() }
        #expect(Set(ids).count == 100)
        for id in ids {
            #expect(try #/task_[a-z2-7]{26}/#.wholeMatch(in: id.text) != nil)
            #expect(TaskID(id.text) == id)
        }
    }

    @Test(arguments: [
        "", "task_", "task_abc", "task_" + String(repeating: "A", count: 26),
        "job_" + String(repeating: "a", count: 27), "task_" + String(repeating: "1", count: 26),
    ])
    func whatIsNotATaskIDIsNotTaken(_ text: String) {
        #expect(TaskID(text) == nil)
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00.000Z", 0), ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
        ("2026-11-23T15:13:00.042Z", 1_795_446_780_042), ("1969-12-31T23:59:59.001Z", -999),
    ])
    func timesAreRFC3339InUTCWithMilliseconds(_ text: String, _ milliseconds: Int64) {
        #expect(Timestamp(milliseconds: milliseconds).rfc3339 == text)
        #expect(Timestamp(rfc3339: text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "yesterday", "2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23T15:13:00+01:00", "2026-11-23T15:13:00.Z",
    ])
    func otherTimesAreNotTaken(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func aFractionOfAnyLengthIsReadAsMilliseconds() {
        #expect(Timestamp(rfc3339: "1970-01-01T00:00:01Z")?.milliseconds == 1000)
        #expect(Timestamp(rfc3339: "1970-01-01T00:00:01.5Z")?.milliseconds == 1500)
        #expect(Timestamp(rfc3339: "1970-01-01T00:00:01.123456Z")?.milliseconds == 1123)
    }

    @Test func everyReasonLeadsToATerminalStateAndAnExitCode() {
        for code in ReasonCode.allCases {
            #expect(code.state.isTerminal && code.state != .succeeded)
            #expect(code.sentence.hasSuffix("."))
        }
        let fixed = Dictionary(grouping: ReasonCode.allCases) { $0.meaning.exit }.mapValues { $0.map(\.rawValue) }
        #expect(fixed[.fixed(126)] == ["spawn.notExecutable"])
        #expect(fixed[.fixed(127)] == ["spawn.notFound"])
        #expect(fixed[.fixed(124)]?.allSatisfy { $0.hasPrefix("timeout.") } == true)
        #expect(fixed[.fixed(137)]?.allSatisfy { $0.hasPrefix("limit.") } == true)
        #expect(fixed[.cancelled]?.allSatisfy { $0.hasPrefix("cancelled.") } == true)
    }

    /// `limit.processes` and `limit.fileSize` extend the contract's table, which it allows.
    @Test func theReasonCodesAreTheContracts() {
        let contract = """
            exit.nonzero exit.signal exit.stragglers agent.error agent.maxTurns agent.budget timeout.wall timeout.idle timeout.cpu
            timeout.total timeout.queue limit.memory limit.output limit.disk limit.budget limit.processes limit.fileSize cancelled.user cancelled.client cancelled.shutdown cancelled.dependency refused.policy
            refused.ceiling refused.workspace refused.config spawn.notFound spawn.notExecutable spawn.argumentTooLong spawn.resources spawn.failed lost.shepherd lost.supervisor lost.reboot lost.protocol
            """
        #expect(Set(ReasonCode.allCases.map(\.rawValue)) == Set(contract.split { " \n".contains($0) }.map(String.init)))
    }

    @Test func jsonValuesComeBackAsTheyWere() throws {
        let value: JSONValue = [
            "a": 1, "b": [true, .null, 1.5, "ü/\u{0}"], "c": ["d": .integer(.max)], "e": .integer(.min),
        ]
        #expect(try JSONText.decode(JSONValue.self, from: JSONText.encode(value)) == value)
    }

    @Test(arguments: [1, 2, 9, 15, 31, 34, 64] as [Int32])
    func signalNamesComeBackAsNumbers(_ number: Int32) {
        #expect(SignalName.number(SignalName.of(number)) == number)
    }
}
