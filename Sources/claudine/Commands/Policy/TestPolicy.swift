import ArgumentParser
import Policy
import Store
import Supervision

/// `claudine policy test`: the battery of attacks under a policy, on this machine.
struct TestPolicy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Try to break out under a policy, on this machine.",
        discussion: """
            Runs several hundred small attacks in a cage of this policy, in a temporary workspace, and without a cage where that \
            is safe. None does harm where it succeeds. Exits with 0 when everything held that the policy promises, 1 when \
            something did not, 3 when the policy cannot be enforced here.
            """)

    @Argument(help: ArgumentHelp("A policy's name or a file.", valueName: "name"))
    var name: String

    @Option(help: ArgumentHelp("Only attacks with this in their name, topic or row.", valueName: "text"))
    var only: String?

    @Flag(help: "Show the attacks and stop.")
    var list = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions

    func run() async throws {
        let caller = try configuration.caller()
        _ = try caller.policies.load(name)
        let ground = try BatteryGround(home: caller.environment["HOME"])
        let result: Swift.Result<Int32, any Error>
        do {
            result = .success(try await test(ground, caller))
        } catch {
            result = .failure(error)
        }
        ground.remove()
        Exit.with(try result.get())
    }

    /// - Returns: the exit code; the ground is not to be left lying about.
    private func test(_ ground: BatteryGround, _ caller: Caller) async throws -> Int32 {
        let run = BatteryRun(
            ground: ground, caller: caller, policy: name,
            progress: { if StandardError.isTerminal { StandardError.say("\($0) …") } })
        let probes = try run.probes().filter(isChosen)
        guard !probes.isEmpty else {
            throw Failure(
                "usage", "No attack has '\(only ?? "")' in its name, topic or row.",
                hint: "claudine policy test \(name) --list shows them", exitCode: ExitCodes.usage)
        }
        guard !list else {
            try Answer(asJSON: json).write(["probes": probes.map(Entry.init)]) {
                TextTable(
                    head: ["ROW", "TOPIC", "NAME", "TRIES TO"],
                    rows: probes.map { [.init($0.row), .init($0.topic), .init($0.name), .init($0.tries)] }
                ).text
            }
            return 0
        }
        let outcome = try await run.attempt(probes)
        guard !outcome.verdicts.isEmpty else {
            let reason = outcome.record.reason
            throw Failure(
                reason?.code.rawValue ?? "battery.run",
                reason?.message ?? "the battery did not run under \(name)",
                hint: outcome.hint ?? reason?.detail?["fix"]?.stringValue, detail: reason?.detail,
                exitCode: reason?.code == .cancelledUser ? 130 : ExitCodes.notEnforceable)
        }
        let report = Report(outcome)
        try Answer(asJSON: json).write(report) { report.text }
        return report.summary.breaches == 0 ? 0 : ExitCodes.no
    }

    private func isChosen(_ probe: Probe) -> Bool {
        guard let only else { return true }
        return probe.name.contains(only) || probe.topic.contains(only) || probe.row == only
    }
}

/// A line of `--list`.
private struct Entry: Encodable {
    var name: String
    var row: String
    var topic: String
    var tries: String
    var walls: [Wall]

    init(_ probe: Probe) {
        name = probe.name
        row = probe.row
        topic = probe.topic
        tries = probe.tries
        walls = probe.walls
    }
}

/// What came of it all.
private struct Report: Encodable {
    struct Summary: Encodable {
        var probes: Int
        var held: Int
        var breaches: Int
        var allowed: Int
        var notTried: Int
        /// Of those that held, how many are known to succeed on this machine without a cage.
        var heldAndWorksHere: Int
    }

    var policy: TaskRecord.PolicyInForce
    var summary: Summary
    var probes: [ProbeVerdict]

    init(_ outcome: BatteryRun.Outcome) {
        probes = outcome.verdicts
        func count(_ result: ProbeVerdict.Result) -> Int { outcome.verdicts.count { $0.result == result } }
        summary = Summary(
            probes: probes.count, held: count(.held), breaches: count(.breach), allowed: count(.allowed),
            notTried: count(.notTried),
            heldAndWorksHere: probes.count { $0.result == .held && $0.control == .works })
        policy = outcome.record.policy
    }

    var text: String {
        let table = TextTable(
            head: ["TRIES TO", "OUTSIDE", "INSIDE"],
            rows: probes.map { verdict in
                let outside: Colour? = verdict.control == .works ? nil : .dim
                return [.init(verdict.tries), .init(verdict.control.words, outside), Self.inside(verdict)]
            }
        ).text
        return table + "\n" + sentence + "\n"
    }

    private static func inside(_ verdict: ProbeVerdict) -> TextTable.Cell {
        switch verdict.result {
        case .held: .init("held (\(verdict.by?.words ?? "")): \(verdict.answer)", .green)
        case .breach: .init("BREACH [\(verdict.name)]: \(verdict.answer)", .red)
        case .allowed: .init("allowed by this policy", .yellow)
        case .notTried:
            .init(verdict.answer == "nothing" ? "no such target" : "not tried: it would reach the host", .dim)
        }
    }

    private var sentence: String {
        let name = policy.name
        var parts = [
            "\(summary.held) of \(summary.probes) attacks held under \(name)",
            "\(summary.heldAndWorksHere) of them succeed here without a cage",
        ]
        if summary.allowed > 0 { parts.append("\(summary.allowed) allowed by the policy") }
        if summary.notTried > 0 { parts.append("\(summary.notTried) not tried") }
        return parts.joined(separator: ", ")
            + (summary.breaches == 0 ? "; no breach." : "; \(summary.breaches) BREACHED.")
    }
}
