import Testing

@testable import Supervision

/// Laws that hold whatever happens in whatever order.
struct AdmissionPropertyTests {
    /// A daemon that does what verdicts say, on a machine that does what it likes.
    private struct World {
        var random: SeededGenerator
        var admission: Admission
        var now: Int64
        var running: [Int64] = []
        var next: Int64 = 1
        /// What the breaker should do, said as simply as possible.
        var failures = 0
        var closedUntil: Int64 = 0
        var probe: Int64?
        /// The last probe ended before its outcome was told.
        var isPending = false

        init(seed: UInt64, limits: AdmissionLimits) {
            random = SeededGenerator(seed: seed)
            admission = Admission(limits)
            now = Int64.random(in: 0...(1 << 50), using: &random)
        }

        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

        mutating func reading() -> HostReading {
            var reading = HostReading.plenty
            if chance(30) { reading.availableMemory = .random(in: 0...(4 << 30), using: &random) }
            if chance(20) { reading.cgroupMemory = .random(in: 0...(4 << 30), using: &random) }
            if chance(30) { reading.memoryPressure = pressure() }
            if chance(30) { reading.cpuPressure = pressure() }
            if chance(30) { reading.ioPressure = pressure() }
            if chance(10) { reading.disks[0].space?.freeBytes = .random(in: 0...(2 << 30), using: &random) }
            if chance(10) { reading.disks[0].space?.freeInodes = .random(in: 0...10_000, using: &random) }
            if chance(10) { reading.freeDescriptors = .random(in: 0...200, using: &random) }
            if chance(10) { reading.freeProcesses = .random(in: 0...400, using: &random) }
            return reading
        }

        mutating func pressure() -> Pressure {
            Pressure(
                some: .random(in: 0...100, using: &random), full: chance(50) ? .random(in: 0...30, using: &random) : 0)
        }

        mutating func kind() -> String { ["claude", "command", "codex"].randomElement(using: &random) ?? "claude" }

        mutating func verdict(_ reading: HostReading, of slots: Int) -> AdmissionVerdict {
            let kind = kind()
            return admission.verdict(reading, running: running.count, maxRunning: slots, kind: kind, at: now)
        }

        mutating func start() {
            admission.started(next, kind: kind(), at: now)
            running.append(next)
            if failures > 0 { (probe, isPending) = (next, false) }
            next += 1
        }

        mutating func end(_ index: Int) {
            let id = running.remove(at: index)
            admission.ended(id, peak: chance(50) ? .random(in: 0...(2 << 30), using: &random) : nil, at: now)
            if probe == id { (probe, closedUntil, isPending) = (nil, now, true) }
        }

        mutating func spawn(fails: Bool) {
            if fails {
                admission.spawnFailed(at: now)
                guard probe != nil || now >= closedUntil else { return }
                let pauses = [0.25, 0.5, 1, 2, 4, 8, 16, 30]
                closedUntil = now + .seconds(pauses[min(failures, pauses.count - 1)])
                failures += 1
                (probe, isPending) = (nil, false)
            } else {
                admission.spawnSucceeded()
                guard failures == 0 || probe != nil || isPending else { return }
                (failures, closedUntil, probe, isPending) = (0, 0, nil, false)
            }
        }

        mutating func happen() {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...2: now += .random(in: 0...100_000_000, using: &random)
            case 3: now += .random(in: 0...20_000_000_000, using: &random)
            case 4, 5: if !running.isEmpty { end(.random(in: 0..<running.count, using: &random)) }
            case 6:
                if let id = running.randomElement(using: &random) {
                    admission.measured(id, rss: .random(in: 0...(1 << 30), using: &random))
                }
            case 7: spawn(fails: chance(50))
            case 8: admission.ended(.random(in: 0...1_000_000, using: &random) + next + 1, peak: 5, at: now)
            default: break
            }
        }

        var breakerIsOpen: Bool { probe != nil || failures > 0 && now < closedUntil }
    }

    private static let seeds = Array(1...200 as ClosedRange<UInt64>)

    private static func limits(_ seed: UInt64) -> AdmissionLimits {
        var random = SeededGenerator(seed: seed &* 31)
        var limits = AdmissionLimits()
        limits.startRate = [nil, 0.5, 1, 10, 1000].randomElement(using: &random) ?? 1
        limits.startBurst = [1, 2, 7].randomElement(using: &random) ?? 2
        if Bool.random(using: &random) { limits.cpuPressure = nil }
        if Bool.random(using: &random) { limits.memoryFullPressure = nil }
        return limits
    }

    @Test(arguments: seeds)
    func neverMoreThanTheSlotsAndAlwaysOneIfItCanStart(_ seed: UInt64) {
        var world = World(seed: seed, limits: Self.limits(seed))
        for _ in 0..<400 {
            world.happen()
            let slots = Int.random(in: 0...5, using: &world.random)
            let reading = world.reading()
            let verdict = world.verdict(reading, of: slots)
            #expect(verdict.ok == verdict.blockedBy.isEmpty)
            #expect(!verdict.ok || world.running.count < slots)
            #expect(!verdict.ok || !world.breakerIsOpen)
            if world.running.isEmpty, let space = reading.disks[0].space {
                let canStart =
                    slots > 0 && !world.breakerIsOpen && space.freeBytes >= 1 << 30
                    && space.freeInodes * 200 > space.inodes && reading.freeDescriptors.map { $0 >= 32 } ?? true
                    && reading.freeProcesses.map { $0 >= 64 } ?? true
                #expect(verdict.ok == canStart)
            }
            if verdict.ok { world.start() }
        }
    }

    @Test(arguments: seeds)
    func blindInAnythingThereIsNeverASecondOne(_ seed: UInt64) throws {
        var limits = Self.limits(seed)
        // Without a bound a sensor is not needed.
        (limits.cpuPressure, limits.memoryFullPressure) = (90, 2)
        var world = World(seed: seed, limits: limits)
        for _ in 0..<200 {
            world.happen()
            let reading = try #require(HostReading.blinded.randomElement(using: &world.random))
            if world.verdict(reading, of: 100).ok {
                #expect(world.running.isEmpty)
                world.start()
            }
        }
    }

    @Test(arguments: seeds)
    func thereAreNeverMoreTokensThanTheBurst(_ seed: UInt64) {
        var limits = Self.limits(seed)
        limits.startRate = limits.startRate ?? 1
        var world = World(seed: seed, limits: limits)
        for _ in 0..<200 {
            world.happen()
            if world.verdict(world.reading(), of: 100).ok { world.start() }
        }
        // Whatever has happened, so many start at one instant at most.
        world.spawn(fails: false)
        world.spawn(fails: false)
        var count = 0
        while world.verdict(.plenty, of: 10_000).ok {
            world.start()
            count += 1
            #expect(count <= limits.startBurst)
            guard count <= limits.startBurst else { break }
        }
    }

    @Test(arguments: seeds)
    func tokensAreNeitherMadeNorLost(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let burst = Int.random(in: 1...5, using: &random)
        var tokens = StartTokens(rate: 2, burst: burst)
        var held: [Double] = []
        var now = Int64.seconds(50)
        tokens.advance(to: now, settled: 0)
        var brought = Double(burst)
        for _ in 0..<500 {
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                let step = Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)
                tokens.advance(to: now + step, settled: 0)
                if step > 0 {
                    now += step
                    brought += 2 * Double(step) / 1e9
                }
            case 1: held.append(tokens.take())
            default: if let token = held.popLast() { tokens.giveBack(token) }
            }
            #expect(tokens.level >= 0 && tokens.level <= Double(burst))
            #expect(tokens.level + held.reduce(0, +) <= brought + 1e-6)
        }
    }

    @Test(arguments: seeds)
    func halfOpenLetsExactlyOneThrough(_ seed: UInt64) {
        var limits = AdmissionLimits()
        limits.startRate = nil
        var world = World(seed: seed, limits: limits)
        for _ in 0..<200 { world.happen() }
        if world.probe != nil { world.spawn(fails: true) }
        world.now = max(world.now, world.closedUntil)
        world.spawn(fails: true)
        world.now = world.closedUntil - 1
        #expect(!world.verdict(.plenty, of: 100).ok)
        world.now = world.closedUntil
        var count = 0
        for _ in 0..<20 {
            if world.verdict(.plenty, of: 100).ok {
                world.start()
                count += 1
            }
            world.now += .random(in: 0...60_000_000_000, using: &world.random)
        }
        #expect(count == 1)
        world.spawn(fails: false)
        #expect(world.verdict(.plenty, of: 100).ok)
    }
}
