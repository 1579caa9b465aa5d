import Foundation
import Testing

@testable import Supervision

/// What people and programs see.
struct VerdictTests {
    @Test func everyBlockerHasASentenceWithItsNumbers() {
        var admission = Admission(AdmissionLimits())
        for id in 1...2 as ClosedRange<Int64> { admission.started(id, kind: "claude", at: .seconds(100)) }
        admission.spawnFailed(at: .seconds(100))
        let reading = HostReading(
            availableMemory: .mebibytes(1000), cgroupMemory: .max, cpuPressure: nil,
            memoryPressure: Pressure(some: 12.345, full: 0), ioPressure: Pressure(some: 30, full: 25),
            disks: [Disk(path: "/state", space: .init(freeBytes: .mebibytes(300), freeInodes: 10, inodes: 4000))],
            freeDescriptors: 5, freeProcesses: 6)
        let found = admission.ask(reading, running: 2, of: 2)
        #expect(
            found.blockedBy.map(\.message) == [
                "2 of 2 slots are taken",
                "300 MiB are free where /state is, and 1024 MiB have to stay free",
                "10 of 4000 inodes are free where /state is, and more than 0.5 % have to stay free",
                "5 file descriptors are free, and a start needs, with 2 under way, 96; see ulimit -n",
                "6 more processes can be made, and a start needs, with 2 under way, 192; see ulimit -u, kernel.pid_max and "
                    + "the cgroup's pids.max",
                "the last start failed for want of resources; the next is tried in 250 ms",
                "0 MiB of memory are free besides 1200 MiB promised to what has just started, and a start of claude needs "
                    + "1112 MiB: 600 MiB for itself, 512 MiB in reserve",
                "tasks waited for memory for 12.35 % of the last ten seconds; starts stop at 10 %",
                "all tasks waited for storage for 25 % of the last ten seconds; starts stop at 20 %",
                "starts follow each other at 1 a second, and half as fast while one settles; the next may come in 2000 ms",
                "/proc/pressure/cpu cannot be read, so tasks run one at a time; boot with psi=1, or set "
                    + "admission.cpu_pressure to \"unlimited\"",
            ])
        let busy = HostReading.plenty.with { $0.cpuPressure = Pressure(some: 95.5, full: nil) }
        #expect(
            admission.ask(busy, running: 1, at: 103).blockedBy.first { $0.code == "cpuPressure" }?.message
                == "tasks waited for a processor for 95.5 % of the last ten seconds; from 90 % on, and until it has been "
                + "63 % or less for 5s, there is one start every 5s")
        #expect(found.blockedBy.allSatisfy { $0.value != nil || $0.bound != nil })
        #expect(found.blockedBy.allSatisfy { Blocker.Code(rawValue: $0.code) != nil })
    }

    @Test func aVerdictIsTheSameInJSONAndBack() throws {
        var admission = Admission(AdmissionLimits())
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let bad = admission.ask(.plenty, running: 2, of: 2)
        let text = String(decoding: try encoder.encode(bad), as: UTF8.self)
        #expect(
            text
                == #"{"blockedBy":[{"bound":"2","code":"slots","message":"2 of 2 slots are taken","value":"2"}],"ok":false}"#
        )
        #expect(try JSONDecoder().decode(AdmissionVerdict.self, from: Data(text.utf8)) == bad)
        let good = String(decoding: try encoder.encode(admission.ask(.plenty)), as: UTF8.self)
        #expect(good == #"{"blockedBy":[],"ok":true}"#)
        // One that a newer daemon wrote.
        let newer = #"{"ok":false,"blockedBy":[{"code":"weather","message":"it rains","retryInMs":5}]}"#
        #expect(try JSONDecoder().decode(AdmissionVerdict.self, from: Data(newer.utf8)).codes == ["weather"])
    }
}
