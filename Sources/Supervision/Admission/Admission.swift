import Policy

/// Decides whether one more attempt may start now (study of supervision, D; of lineage, 5.3, T13 and T21).
///
/// Knows what has been started and measured, and nothing else: no clock, no thread, no file. Readings and nanoseconds of
/// CLOCK_BOOTTIME come in. A reading should not be older than a second. Between a verdict and `started` for the attempt that it
/// let through no other may be asked for: both would be let through for the room of one.
///
/// There are two kinds of obstacles. What is *hard* stops every start: it would fail. What is *soft* (memory, pressure, the rate
/// of starts, a sensor that cannot be read) never stops the only one: a small or busy machine goes on, one task at a time. And
/// want of a processor, which makes nothing fail, only spaces the starts out.
package struct Admission: Sendable {
    private let limits: AdmissionLimits

    /// An attempt from its start to its end.
    private struct Live {
        var kind: String
        var startedAt: Int64
        /// Bytes, as last measured.
        var rss: Int64 = 0
        /// What it took of a token.
        var token: Double
    }

    private var live: [Int64: Live] = [:]
    private var tokens: StartTokens
    private var breaker = SpawnBreaker()
    private var estimates: MemoryEstimates
    private var gates: [Gauge: PressureGate] = [:]
    /// The last start, or the first moment that anybody asked for one.
    private var lastStart: Int64?

    /// Nanoseconds for which a reading may not yet show what a start has opened: a second of age, and one to get there.
    private static let unseen: Int64 = 2_000_000_000

    package init(_ limits: AdmissionLimits) {
        self.limits = limits
        tokens = StartTokens(rate: limits.startRate, burst: limits.startBurst)
        estimates = MemoryEstimates(
            agent: Int64(clamping: limits.agentMemory.bytes), command: Int64(clamping: limits.commandMemory.bytes))
    }

    // MARK: - What happens

    /// An attempt that a verdict let through has been claimed.
    package mutating func started(_ id: Int64, kind: String, at now: Int64) {
        // An id that comes twice is one attempt and takes one token; and the clock of the tokens is set.
        ended(id, peak: nil, at: now)
        live[id] = Live(kind: kind, startedAt: now, token: tokens.take())
        lastStart = now
        breaker.started(id)
    }

    /// - Parameter rss: bytes that the processes of an attempt hold together.
    package mutating func measured(_ id: Int64, rss: Int64) { live[id]?.rss = max(0, rss) }

    /// - Parameter peak: the most bytes that it held at once, where that was measured.
    package mutating func ended(_ id: Int64, peak: Int64?, at now: Int64) {
        tokens.advance(to: now, settled: settled)
        breaker.ended(id)
        // One from before this daemon took no token, and has none to give.
        guard let attempt = live.removeValue(forKey: id) else { return }
        tokens.giveBack(attempt.token)
        if let peak { estimates.measured(peak, of: attempt.kind) }
    }

    /// The kernel gave no process, descriptor or memory for a start (EAGAIN, EMFILE, ENFILE, ENOMEM).
    package mutating func spawnFailed(at now: Int64) { breaker.failed(at: now) }

    /// There is a process. To be told as soon as it is known, not when that process ends: a probe keeps all others waiting.
    package mutating func spawnSucceeded() { breaker.succeeded() }

    // MARK: - What follows

    /// - Parameters:
    ///   - running: attempts that hold a slot.
    ///   - maxRunning: slots.
    ///   - kind: of the attempt that would start: the agent's name, or `command`.
    package mutating func verdict(
        _ reading: HostReading, running: Int, maxRunning: Int, kind: String, at now: Int64
    ) -> AdmissionVerdict {
        tokens.advance(to: now, settled: settled)
        let hard = hardBlockers(reading, running: running, maxRunning: maxRunning, at: now)
        // Asked in any case: pressure has to be seen falling.
        let soft = softBlockers(reading, kind: kind, at: now)
        return AdmissionVerdict(blockedBy: running > 0 ? hard + soft : hard)
    }

    private func hardBlockers(
        _ reading: HostReading, running: Int, maxRunning: Int, at now: Int64
    ) -> [Blocker] {
        var found: [Blocker] = []
        if running >= maxRunning { found.append(.slots(running, of: maxRunning)) }
        let reserve = Int64(clamping: limits.diskReserve.bytes)
        for disk in reading.disks {
            guard let space = disk.space else { continue }
            if space.freeBytes < reserve { found.append(.disk(disk.path, free: space.freeBytes, reserve: reserve)) }
            if space.inodes > 0, Double(space.freeInodes) <= Double(space.inodes) * limits.inodeReserve {
                found.append(.inodes(disk.path, space, reserve: limits.inodeReserve))
            }
        }
        let opening = live.values.count { now - $0.startedAt < Self.unseen }
        let descriptors = Int64(limits.descriptorsPerStart) * Int64(1 + opening)
        if let free = reading.freeDescriptors, free < descriptors {
            found.append(.files(free: free, needed: descriptors, opening: opening))
        }
        let processes = Int64(limits.processesPerStart) * Int64(1 + opening)
        if let free = reading.freeProcesses, free < processes {
            found.append(.processes(free: free, needed: processes, opening: opening))
        }
        if let denial = breaker.denial(at: now) { found.append(.spawnBreaker(denial, failures: breaker.failures)) }
        return found
    }

    private mutating func softBlockers(_ reading: HostReading, kind: String, at now: Int64) -> [Blocker] {
        var found: [Blocker] = []
        let calm = Self.nanoseconds(limits.calm)
        let sinceStart = now - (lastStart ?? now)
        lastStart = lastStart ?? now
        if let memory = memoryBlocker(reading, kind: kind, at: now) { found.append(memory) }
        var unreadable: [Sensor] = []
        for gauge in Gauge.allCases {
            guard let bound = gauge.bound(limits) else { continue }
            guard let value = gauge.value(reading) else {
                gates[gauge, default: PressureGate()].unknown()
                if !unreadable.contains(gauge.sensor) { unreadable.append(gauge.sensor) }
                continue
            }
            let denial = gates[gauge, default: PressureGate()].denial(
                value, bound: bound, resumeShare: limits.resumeShare, calm: calm, at: now)
            guard let denial else { continue }
            guard gauge.onlyDelays else {
                found.append(.pressure(gauge, value, bound: bound, denial, limits))
                continue
            }
            if sinceStart < calm { found.append(.delay(gauge, value, bound: bound, limits, wait: calm - sinceStart)) }
        }
        if let wait = tokens.wait(at: now, settled: settled) {
            found.append(.startRate(limits.startRate ?? 0, wait: wait))
        }
        if reading.availableMemory == nil { unreadable.append(.memory) }
        if reading.cgroupMemory == nil { unreadable.append(.cgroup) }
        if reading.disks.isEmpty { unreadable.append(.disk("the state directory")) }
        unreadable += reading.disks.filter { $0.space == nil }.map { .disk($0.path) }
        if reading.freeDescriptors == nil { unreadable.append(.descriptors) }
        if reading.freeProcesses == nil { unreadable.append(.processes) }
        return found + unreadable.map(Blocker.sensor)
    }

    private func memoryBlocker(_ reading: HostReading, kind: String, at now: Int64) -> Blocker? {
        guard let machine = reading.availableMemory, let cgroup = reading.cgroupMemory else { return nil }
        // What just started has been promised more than the reading shows it to have.
        var promised: Int64 = 0
        for attempt in live.values where now - attempt.startedAt < Self.nanoseconds(limits.settling) {
            promised = promised.addingClamped(max(0, estimates[attempt.kind] - attempt.rss))
        }
        let reserve = Int64(clamping: limits.memoryReserve.bytes)
        let needed = reserve.addingClamped(estimates[kind])
        let free = max(0, min(machine, cgroup)) - promised
        guard free < needed else { return nil }
        return .memory(
            free: max(0, free), promised: promised, reserve: reserve, estimate: estimates[kind], kind: kind,
            settled: promised > 0 ? max(0, settled - now) : nil)
    }

    /// BOOTTIME when the last start will have settled; 0 if nothing runs.
    private var settled: Int64 {
        live.values.map(\.startedAt).max().map { $0.addingClamped(Self.nanoseconds(limits.settling)) } ?? 0
    }

    private static func nanoseconds(_ span: TimeSpan) -> Int64 { Int64(clamping: span.nanoseconds) }
}
