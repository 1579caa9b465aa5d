import Policy
import Testing

@testable import Supervision

/// What stops a start, what only a second one, and what memory is promised to whom.
struct AdmissionTests {
    // MARK: - Hard and soft

    @Test(arguments: [0, 1, 3])
    func slotsThatAreTakenStopEvenTheFirst(_ running: Int) {
        var admission = Admission(.fast)
        #expect(admission.ask(.plenty, running: running, of: running).codes == ["slots"])
        #expect(admission.ask(.plenty, running: running, of: running + 1).ok)
    }

    static let hard: [(String, HostReading)] = [
        ("disk", .plenty.with { $0.disks[0].space?.freeBytes = (1 << 30) - 1 }),
        ("disk", .plenty.with { $0.disks[0].space?.freeInodes = (1 << 20) / 200 }),
        (
            "disk",
            .plenty.with { $0.disks.append(Disk(path: "/w", space: .init(freeBytes: 0, freeInodes: 0, inodes: 0))) }
        ),
        ("files", .plenty.with { $0.freeDescriptors = 31 }),
        ("processes", .plenty.with { $0.freeProcesses = 63 }),
    ]

    @Test(arguments: hard, [0, 1])
    func whatAStartWouldFailForStopsEvenTheOnlyOne(_ blocker: (code: String, reading: HostReading), _ running: Int) {
        var admission = Admission(.fast)
        #expect(admission.ask(blocker.reading, running: running).codes == [blocker.code])
    }

    @Test func justEnoughIsEnough() {
        var admission = Admission(.fast)
        let reading = HostReading.plenty.with {
            $0.availableMemory = .mebibytes(512 + 600)
            $0.cpuPressure = Pressure(some: 89.99, full: nil)
            $0.memoryPressure = Pressure(some: 9.99, full: 1.99)
            $0.ioPressure = Pressure(some: 99, full: 19.99)
            $0.disks[0].space = .init(freeBytes: 1 << 30, freeInodes: 5243, inodes: 1 << 20)
            $0.freeDescriptors = 32
            $0.freeProcesses = 64
        }
        #expect(admission.ask(reading).blockedBy == [])
        // btrfs makes inodes as it needs them.
        let dynamic = Disk.Space(freeBytes: 1 << 30, freeInodes: 0, inodes: 0)
        #expect(admission.ask(reading.with { $0.disks[0].space = dynamic }).ok)
    }

    static let soft: [(String, HostReading)] = [
        ("memory", .plenty.with { $0.availableMemory = .mebibytes(512 + 600) - 1 }),
        ("memory", .plenty.with { $0.cgroupMemory = .mebibytes(512 + 600) - 1 }),
        ("memoryPressure", .plenty.with { $0.memoryPressure = Pressure(some: 10, full: 0) }),
        ("memoryPressure", .plenty.with { $0.memoryPressure = Pressure(some: 0, full: 2) }),
        ("memoryPressure", .plenty.with { $0.memoryPressure = Pressure(some: .nan, full: 0) }),
        ("cpuPressure", .plenty.with { $0.cpuPressure = Pressure(some: 90, full: nil) }),
        ("ioPressure", .plenty.with { $0.ioPressure = Pressure(some: 0, full: 20) }),
    ]

    @Test(arguments: soft)
    func whatMayPassNeverStopsTheOnlyOne(_ code: String, _ reading: HostReading) {
        var admission = Admission(.fast)
        #expect(admission.ask(reading).codes == [code])
        #expect(admission.ask(reading, running: 0) == AdmissionVerdict(blockedBy: []))
    }

    @Test(arguments: HostReading.blinded)
    func aSensorThatCannotBeReadMeansOneAtATime(_ reading: HostReading) {
        var admission = Admission(.fast)
        #expect(admission.ask(reading, running: 0).ok)
        let beside = admission.ask(reading)
        #expect(!beside.ok)
        #expect(Set(beside.codes) == ["sensor"])
    }

    @Test func aBoundThatIsOffNeedsNoSensor() {
        var limits = AdmissionLimits.fast
        (limits.memorySomePressure, limits.memoryFullPressure, limits.cpuPressure, limits.ioPressure) = (
            nil, nil, nil, nil
        )
        var admission = Admission(limits)
        let blind = HostReading.plenty.with { ($0.memoryPressure, $0.cpuPressure, $0.ioPressure) = (nil, nil, nil) }
        #expect(admission.ask(blind).ok)
        let busy = HostReading.plenty.with {
            ($0.memoryPressure, $0.cpuPressure) = (Pressure(some: 100, full: 100), Pressure(some: 100, full: 100))
        }
        #expect(admission.ask(busy).ok)
    }

    /// The system this one replaces never started anything on two cores (lineage, D10).
    @Test func aBusyMachineWithTwoCoresMakesProgress() {
        var admission = Admission(AdmissionLimits())
        let busy = HostReading.plenty.with {
            $0.cores = 2
            $0.cpuPressure = Pressure(some: 100, full: 60)
            $0.availableMemory = .mebibytes(300)
        }
        for id in 0..<100 as Range<Int64> {
            let now = Double(id) / 100
            #expect(admission.ask(busy, running: 0, of: 2, at: now).ok)
            admission.started(id, kind: "claude", at: .seconds(now))
            #expect(!admission.ask(busy, running: 1, of: 2, at: now).ok)
            admission.ended(id, peak: nil, at: .seconds(now + 0.005))
        }
    }

    @Test func wantOfAProcessorSpacesStartsOut() {
        var admission = Admission(.fast)
        let busy = HostReading.plenty.with { $0.cpuPressure = Pressure(some: 100, full: 60) }
        admission.started(0, kind: "claude", at: .seconds(100))
        var starts: [Double] = []
        for tick in stride(from: 100.25, to: 121, by: 0.25) where admission.ask(busy, running: 1, at: tick).ok {
            starts.append(tick)
            admission.started(Int64(starts.count), kind: "claude", at: .seconds(tick))
        }
        #expect(starts == [105, 110, 115, 120])
        #expect(!admission.ask(busy.with { $0.memoryPressure = Pressure(some: 50, full: 0) }, running: 1, at: 130).ok)
    }

    // MARK: - Memory

    @Test func whatHasJustStartedIsBelievedToGrow() {
        var admission = Admission(.fast)
        let reading = HostReading.plenty.with { $0.availableMemory = .mebibytes(2048) }
        for id in 1...2 as ClosedRange<Int64> {
            #expect(admission.ask(reading).ok)
            admission.started(id, kind: "claude", at: .seconds(100))
        }
        let third = admission.ask(reading)
        #expect(third.codes == ["memory"])
        #expect(third.blockedBy.first?.value == "848 MiB")
        #expect(third.blockedBy.first?.bound == "1112 MiB")
        #expect(third.blockedBy.first?.retryInMs == 15_000)
        // A small one still fits.
        #expect(admission.ask(reading, kind: "command").ok)
        // What it holds already is not promised again.
        admission.measured(1, rss: .mebibytes(400))
        #expect(admission.ask(reading).ok)
        admission.measured(1, rss: 0)
        #expect(!admission.ask(reading, at: 114.9).ok)
        #expect(admission.ask(reading, at: 115).ok)
    }

    @Test func whatHasEndedIsNotBelievedToGrow() {
        var admission = Admission(.fast)
        let reading = HostReading.plenty.with { $0.availableMemory = .mebibytes(1200) }
        admission.started(1, kind: "claude", at: .seconds(100))
        #expect(!admission.ask(reading).ok)
        admission.ended(1, peak: nil, at: .seconds(100))
        #expect(admission.ask(reading).ok)
    }

    @Test func ofAKindThatTookMoreMoreIsExpected() {
        var admission = Admission(.fast)
        let reading = HostReading.plenty.with { $0.availableMemory = .mebibytes(2000) }
        #expect(admission.ask(reading).ok)
        admission.started(1, kind: "claude", at: .seconds(100))
        admission.ended(1, peak: .mebibytes(1800), at: .seconds(200))
        #expect(admission.ask(reading, at: 200).codes == ["memory"])
        // Another agent is another kind.
        #expect(admission.ask(reading, kind: "codex", at: 200).ok)
    }

    @Test func theEstimateIsTheNinthTenthOfTheLastFifty() {
        var estimates = MemoryEstimates(agent: 600, command: 64)
        #expect(estimates["claude"] == 600)
        #expect(estimates["command"] == 64)
        estimates.measured(10, of: "claude")
        #expect(estimates["claude"] == 600)
        for _ in 2...8 { estimates.measured(10, of: "claude") }
        #expect(estimates["claude"] == 600)
        estimates.measured(10, of: "claude")
        #expect(estimates["claude"] == 10)
        estimates.measured(0, of: "claude")
        estimates.measured(-5, of: "claude")
        #expect(estimates["claude"] == 10)
        for peak in 1...1000 as ClosedRange<Int64> { estimates.measured(peak, of: "claude") }
        #expect(estimates["claude"] == 995)
        #expect(estimates["codex"] == 600)
    }

    @Test func absurdAmountsDoNotOverflow() {
        var admission = Admission(.fast)
        for id in 1...3 as ClosedRange<Int64> { admission.started(id, kind: "claude", at: .seconds(1)) }
        admission.measured(1, rss: .min)
        admission.measured(2, rss: .max)
        for id in 1...3 as ClosedRange<Int64> { admission.ended(id, peak: .max, at: .seconds(2)) }
        for id in 1...3 as ClosedRange<Int64> { admission.started(id, kind: "claude", at: .seconds(3)) }
        #expect(admission.ask(.plenty.with { $0.availableMemory = .max }, at: 3).codes == ["memory"])
    }

    // MARK: - Descriptors and processes of what is under way

    @Test func whatIsUnderWayHasNotYetOpenedItsFiles() {
        var admission = Admission(.fast)
        admission.started(1, kind: "command", at: .seconds(100))
        let files = HostReading.plenty.with { $0.freeDescriptors = 63 }
        #expect(admission.ask(files, at: 100).codes == ["files"])
        #expect(admission.ask(files.with { $0.freeDescriptors = 64 }, at: 100).ok)
        #expect(admission.ask(files, at: 102).ok)
        let processes = HostReading.plenty.with { $0.freeProcesses = 127 }
        admission.started(1, kind: "command", at: .seconds(103))
        #expect(admission.ask(processes, at: 103).codes == ["processes"])
        #expect(admission.ask(processes.with { $0.freeProcesses = 128 }, at: 103).ok)
    }

    // MARK: - Pressure

    @Test func pressureHasToStayLowForAWhile() {
        var admission = Admission(.fast)
        func at(_ seconds: Double, _ some: Double?) -> Blocker? {
            let reading = HostReading.plenty.with { $0.memoryPressure = some.map { Pressure(some: $0, full: 0) } }
            return admission.ask(reading, at: seconds).blockedBy.first
        }
        #expect(at(0, 9.9) == nil)
        #expect(at(1, 10)?.bound == "10 %")
        #expect(at(2, 8)?.code == "memoryPressure")
        #expect(at(2, 8)?.retryInMs == nil)
        #expect(at(3, 7)?.retryInMs == 5000)
        #expect(at(7, 1)?.retryInMs == 1000)
        // Up again, and the time starts anew.
        #expect(at(7.5, 7.1)?.bound == "7 %")
        #expect(at(8, 0)?.retryInMs == 5000)
        // What cannot be read is not calm.
        #expect(at(12, nil)?.code == "sensor")
        #expect(at(13, 0)?.retryInMs == 5000)
        #expect(at(17.999, 0)?.retryInMs == 1)
        #expect(at(18, 0) == nil)
        #expect(at(19, 9) == nil)
    }

    @Test func pressureIsSeenFallingWhileSlotsAreTaken() {
        var admission = Admission(.fast)
        let high = HostReading.plenty.with { $0.ioPressure = Pressure(some: 50, full: 50) }
        #expect(admission.ask(high, running: 2, of: 2, at: 0).codes == ["slots", "ioPressure"])
        #expect(admission.ask(.plenty, running: 2, of: 2, at: 1).codes == ["slots", "ioPressure"])
        #expect(admission.ask(.plenty, running: 1, of: 2, at: 6).ok)
    }
}
