@testable import Supervision

/// SplitMix64: the same sequence for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

extension HostReading {
    /// A machine with room for everything.
    static let plenty = HostReading(
        availableMemory: 1 << 40, cgroupMemory: .max, cpuPressure: Pressure(some: 0, full: 0),
        memoryPressure: Pressure(some: 0, full: 0), ioPressure: Pressure(some: 0, full: 0),
        disks: [Disk(path: "/state", space: .init(freeBytes: 1 << 40, freeInodes: 1 << 20, inodes: 1 << 20))],
        freeDescriptors: 1 << 20, freeProcesses: 1 << 20, cores: 2)

    func with(_ change: (inout HostReading) -> Void) -> HostReading {
        var reading = self
        change(&reading)
        return reading
    }

    /// Every way in which one sensor can fail.
    static let blinded: [HostReading] = [
        plenty.with { $0.availableMemory = nil }, plenty.with { $0.cgroupMemory = nil },
        plenty.with { $0.cpuPressure = nil }, plenty.with { $0.memoryPressure = nil },
        plenty.with { $0.memoryPressure?.full = nil }, plenty.with { $0.ioPressure = nil },
        plenty.with { $0.ioPressure?.full = nil }, plenty.with { $0.disks = [] },
        plenty.with { $0.disks[0].space = nil },
        plenty.with { $0.freeDescriptors = nil }, plenty.with { $0.freeProcesses = nil }, HostReading(),
    ]
}

extension AdmissionLimits {
    /// No bound on the rate of starts, for what is about something else.
    static var fast: AdmissionLimits {
        var limits = AdmissionLimits()
        limits.startRate = nil
        return limits
    }
}

extension Admission {
    mutating func ask(
        _ reading: HostReading, running: Int = 1, of slots: Int = 100, kind: String = "claude", at seconds: Double = 100
    ) -> AdmissionVerdict {
        verdict(reading, running: running, maxRunning: slots, kind: kind, at: .seconds(seconds))
    }
}

extension AdmissionVerdict {
    var codes: [String] { blockedBy.map(\.code) }
}

extension Int64 {
    static func seconds(_ count: Double) -> Int64 { Int64(count * 1e9) }
    static func mebibytes(_ count: Int64) -> Int64 { count << 20 }
}
