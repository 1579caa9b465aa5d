import ShepherdProtocol
import Testing

@testable import Policy

@Suite struct CeilingTests {
    @Test func lessIsTaken() throws {
        let request = LimitRequest(
            wall: try Bound(parsing: "1m"), idle: try Bound(parsing: "10s"), memory: try Bound(parsing: "1G"),
            processes: 64, outputLimit: try Bound(parsing: "5M"))
        let narrowed = try builtIn("strict").narrowed(by: request)
        #expect(narrowed.clocks.wall == 60_000_000_000)
        #expect(narrowed.clocks.idle == 10_000_000_000)
        #expect(narrowed.limitOrder.memory == 1 << 30)
        #expect(narrowed.limits.processes == 64)
        #expect(narrowed.outputOrder.limit == 5 << 20)
    }

    @Test func nothingAskedChangesNothing() throws {
        for name in PolicyLibrary.builtInNames {
            #expect(try builtIn(name).narrowed(by: LimitRequest()) == builtIn(name))
        }
    }

    @Test(arguments: [
        (LimitRequest(wall: .limited(TimeSpan(milliseconds: 1_800_001))), "process.wall_time", "30m"),
        (LimitRequest(wall: .unlimited), "process.wall_time", "30m"),
        (LimitRequest(idle: .unlimited), "process.idle_time", "10m"),
        (LimitRequest(memory: .limited(ByteSize(bytes: 4 << 30 + 1))), "limits.memory", "4G"),
        (LimitRequest(memory: .unlimited), "limits.memory", "4G"),
        (LimitRequest(processes: 513), "limits.processes", "512"),
        (LimitRequest(outputLimit: .unlimited), "limits.output.limit", "16G"),
    ])
    func moreIsRefused(request: LimitRequest, field: String, bound: String) {
        let error = refusal { try builtIn("strict").narrowed(by: request) }
        #expect(error?.code == .ceiling)
        #expect(error?.exitCode == 125)
        #expect(error?.detail["field"] == field)
        #expect(error?.detail["bound"] == bound)
        #expect(error?.detail["found"]?.isEmpty == false)
    }

    @Test func unlimitedNeedsAPolicyThatAllowsIt() throws {
        let request = LimitRequest(idle: .unlimited, memory: .unlimited)
        #expect(try builtIn("permissive").narrowed(by: request).limits.memory == .unlimited)
    }

    @Test(arguments: [
        LimitRequest(wall: .limited(TimeSpan(milliseconds: 0))),
        LimitRequest(idle: .limited(TimeSpan(milliseconds: 0))),
        LimitRequest(memory: .limited(ByteSize(bytes: 0))), LimitRequest(processes: 0), LimitRequest(processes: -1),
        LimitRequest(outputLimit: .limited(ByteSize(bytes: 0))),
    ])
    func nothingAtAllIsNoLimit(request: LimitRequest) {
        #expect(refusal { try builtIn("strict").narrowed(by: request) }?.code == .config)
    }

    /// Whatever is asked for, the result is never above the policy.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func nothingWidens(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for name in PolicyLibrary.builtInNames {
            let policy = try builtIn(name)
            for _ in 0..<50 {
                func time() -> Bound<TimeSpan>? { number().map { .limited(TimeSpan(milliseconds: $0)) } }
                func size() -> Bound<ByteSize>? { number().map { .limited(ByteSize(bytes: $0)) } }
                func number() -> UInt64? {
                    let kind = Int.random(in: 0..<3, using: &random)
                    return kind == 0
                        ? nil
                        : UInt64.random(in: 0...(.max), using: &random) >> UInt64.random(in: 0..<64, using: &random)
                }
                let request = LimitRequest(
                    wall: time(), idle: time(), memory: size(), processes: number().flatMap { Int(exactly: $0) },
                    outputLimit: size())
                guard let narrowed = try? policy.narrowed(by: request) else { continue }
                #expect(narrowed.process.wallTime <= policy.process.wallTime)
                #expect(narrowed.process.idleTime <= policy.process.idleTime)
                #expect(narrowed.limits.memory <= policy.limits.memory)
                #expect(narrowed.limits.processes <= policy.limits.processes)
                #expect(narrowed.limits.output.limit <= policy.limits.output.limit)
            }
        }
    }
}
