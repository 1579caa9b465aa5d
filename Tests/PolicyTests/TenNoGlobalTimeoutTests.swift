import ShepherdProtocol
import Testing

@testable import Policy

/// Issue 6 of docs/ten-issues.md: a timeout that is set by whoever remembers to.
struct TenNoGlobalTimeoutTests {
    /// As in the predecessor (1.3.0): zero is the default and means for ever, what is no number means nothing, and the timer is one
    /// of Node's, which takes 32 bits and fires at once for more.
    private enum NaiveTimer {
        static func firesAfter(_ timeout: Double?) -> Double? {
            let milliseconds = timeout ?? 0
            guard milliseconds > 0 else { return nil }
            return milliseconds > 2_147_483_647 ? 1 : milliseconds
        }
    }

    @Test func theNaiveTimerIsOftenNoneAndSometimesAtOnce() {
        #expect(NaiveTimer.firesAfter(nil) == nil)
        #expect(NaiveTimer.firesAfter(.nan) == nil)
        #expect(NaiveTimer.firesAfter(-1) == nil)
        // Thirty days become a millisecond.
        #expect(NaiveTimer.firesAfter(30 * 86_400_000) == 1)
    }

    @Test(arguments: ["strict", "standard", "permissive", "readonly", "paranoid"])
    func hereEveryPolicyHasClocks(_ name: String) throws {
        let policy = try builtIn(name)
        let (wall, idle) = (try #require(policy.process.wallTime.value), policy.process.idleTime.value)
        #expect(wall.nanoseconds > 0)
        if let idle { #expect(idle.nanoseconds <= wall.nanoseconds) }
        // A policy that says nothing of it has them, too.
        #expect(try load(Self.mine(name)).process.wallTime == policy.process.wallTime)
    }

    @Test(arguments: ["0", "\"0s\"", "-1", "\"-1s\"", "\"\"", "nan", "inf", "\"forever\"", "true", "1e300", "30"])
    func hereWhatIsNoTimeIsRefused(_ value: String) {
        let error = refusal { try load(Self.mine("strict") + "[process]\nwall_time = \(value)\n") }
        #expect(error?.message.contains("wall_time") == true, "\(value): \(String(describing: error))")
    }

    private static func mine(_ base: String) -> String {
        "schema = 1\nname = \"mine\"\ndescription = \"Mine.\"\nextends = \"\(base)\"\n"
    }

    @Test func hereThirtyDaysAreThirtyDays() throws {
        var clocks = Clocks()
        clocks.wall = 30 * 86_400 * 1_000_000_000
        var ladder = Ladder(clocks: clocks)
        ladder.released(at: 5)
        #expect(ladder.nextDeadline == clocks.wall + 5)
        #expect(ladder.expire(at: clocks.wall) == [] && ladder.reason == .none)
        #expect(ladder.expire(at: clocks.wall + 5).contains(.terminate) && ladder.reason == .wall)
        // And the longest that there is overflows nothing.
        clocks.wall = .max - 1
        ladder = Ladder(clocks: clocks)
        ladder.released(at: 1000)
        #expect(ladder.expire(at: .max - 1) == [])
    }
}
