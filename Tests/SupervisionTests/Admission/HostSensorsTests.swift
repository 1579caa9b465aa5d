import Foundation
import Testing

@testable import Supervision

/// Sensors that read a machine made of files.
struct HostSensorsTests {
    private let machine: FakeMachine

    init() throws { machine = try FakeMachine() }

    private func read(workspaces: [String] = []) -> HostReading {
        HostSensors.read(stateDirectory: machine.root, workspaces: workspaces, root: machine.root)
    }

    @Test func everythingIsReadOnAMachineThatHasEverything() throws {
        try machine.pressure("memory", some: "12.34", full: "1.50")
        try machine.pressure("cpu", some: "91.00", full: nil)
        let reading = read()
        #expect(reading.availableMemory == 8 << 30)
        #expect(reading.cgroupMemory == .max)
        #expect(reading.memoryPressure == Pressure(some: 12.34, full: 1.5))
        #expect(reading.cpuPressure == Pressure(some: 91, full: nil))
        #expect(reading.ioPressure == Pressure(some: 0, full: 0))
        #expect(reading.freeDescriptors == 1014)
        #expect(reading.freeProcesses == 19_700)
        #expect(reading.disks.count == 1)
        #expect(reading.cores == 5)
    }

    @Test(arguments: [
        ("0-127", 5), ("2-9", 3), ("0,8", 2), ("4-7", nil), ("", nil), ("3-1", nil), ("0-", nil), ("x", nil),
    ])
    func processorsThatAreOffOrNotOursDoNotCount(_ allowed: String, _ expected: Int?) throws {
        try machine.write("/proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t\(allowed)\n")
        #expect(read().cores == expected)
    }

    // MARK: - Unreadable is not "no limit"

    @Test func withoutProcNothingIsKnown() throws {
        try machine.remove("/proc")
        let reading = read()
        #expect(reading.availableMemory == nil)
        #expect(reading.cgroupMemory == nil)
        #expect(reading.cpuPressure == nil)
        #expect(reading.memoryPressure == nil)
        #expect(reading.ioPressure == nil)
        #expect(reading.freeDescriptors == nil)
        #expect(reading.freeProcesses == nil)
    }

    @Test func aKernelWithoutMemAvailableIsUnreadable() throws {
        try machine.write("/proc/meminfo", "MemTotal: 16384000 kB\nMemFree: 8388608 kB\nCached: 7 kB\n")
        #expect(read().availableMemory == nil)
    }

    @Test(arguments: [
        "MemAvailable: kB", "MemAvailable: -5 kB", "MemAvailable: lots kB", "MemAvailable: 99999999999999999 kB", "",
    ])
    func whatIsNoAmountOfMemoryIsUnreadable(_ text: String) {
        #expect(HostSensors.availableMemory(text) == nil)
    }

    @Test func aKernelWithoutPressureIsUnreadable() throws {
        try machine.remove("/proc/pressure")
        let reading = read()
        #expect(reading.memoryPressure == nil && reading.cpuPressure == nil && reading.ioPressure == nil)
    }

    @Test func pressureThatIsThereAndCannotBeReadIsUnreadable() throws {
        // psi=0: open works, read gives EOPNOTSUPP.
        try machine.spoil("/proc/pressure/memory")
        #expect(read().memoryPressure == nil)
        #expect(read().ioPressure != nil)
    }

    @Test(arguments: [
        "", "some", "some avg10=\n", "some avg10=nan avg60=0\n", "some avg10=inf\n", "some avg10=-1\n",
        "full avg10=1.00\n",
        "some avg60=1.00\n", "some avg10=1.00\nfull avg10=x\n", "some avg10=1,00\n",
    ])
    func whatIsNoPressureIsUnreadable(_ text: String) {
        #expect(Pressure(parsing: text) == nil)
    }

    // MARK: - Memory of cgroups

    @Test func theSmallestHeadroomOnTheWayToTheRootCounts() throws {
        try machine.write("/cgroup/memory.max", "8589934592\n")
        try machine.write("/cgroup/memory.current", "1073741824\n")
        try machine.write("/cgroup/a/memory.max", "2147483648\n")
        try machine.write("/cgroup/a/memory.current", "1073741824\n")
        try machine.write("/cgroup/a/b/memory.max", "max\n")
        try machine.write("/cgroup/a/b/memory.current", "1073741824\n")
        #expect(read().cgroupMemory == 1 << 30)
    }

    @Test func pageCacheThatCanBeGivenBackIsFree() throws {
        try machine.write("/cgroup/a/memory.max", "2147483648\n")
        try machine.write("/cgroup/a/memory.current", "2147483648\n")
        #expect(read().cgroupMemory == 0)
        try machine.write(
            "/cgroup/a/memory.stat", "anon 536870912\nfile 9\ninactive_file 1000000000\nactive_file 73741824\n")
        #expect(read().cgroupMemory == 1_073_741_824)
    }

    @Test func whatIsThrottledAtMemoryHighHasNoMoreThanThat() throws {
        try machine.write("/cgroup/a/memory.max", "max\n")
        try machine.write("/cgroup/a/memory.high", "1000\n")
        try machine.write("/cgroup/a/memory.current", "1500\n")
        #expect(read().cgroupMemory == 0)
    }

    @Test func legacyCgroupsSayNoLimitWithAHugeNumber() throws {
        try legacy()
        try machine.write("/legacy/memory/memory.limit_in_bytes", "9223372036854771712\n")
        try machine.write("/legacy/memory/job/memory.limit_in_bytes", "9223372036854710272\n")
        #expect(read().cgroupMemory == .max)
    }

    @Test func legacyCgroupsLimitToo() throws {
        try legacy()
        try machine.write("/legacy/memory/memory.limit_in_bytes", "9223372036854771712\n")
        try machine.write("/legacy/memory/job/memory.limit_in_bytes", "1073741824\n")
        try machine.write("/legacy/memory/job/memory.usage_in_bytes", "1073740824\n")
        try machine.write(
            "/legacy/memory/job/memory.stat", "inactive_file 5\ntotal_inactive_file 500\ntotal_active_file 24\n")
        #expect(read().cgroupMemory == 1524)
        // The v2 hierarchy beside it has no memory controller, whatever its files say.
        try machine.write("/cgroup/memory.max", "1\n")
        #expect(read().cgroupMemory == 1524)
    }

    private func legacy() throws {
        try machine.write("/proc/self/cgroup", "8:pids:/\n4:memory:/job\n0::/\n")
        try machine.write(
            "/proc/self/mountinfo",
            FakeMachine.unified + "35 31 0:32 / /legacy/memory rw,relatime - cgroup cgroup rw,memory\n"
                + "39 31 0:36 / /legacy/pids rw,relatime - cgroup cgroup rw,pids\n")
        try machine.makeDirectory("/legacy/pids")
        try machine.makeDirectory("/legacy/memory/job")
    }

    @Test func aCgroupThatIsNotMountedMayHaveAnyLimit() throws {
        try machine.write("/proc/self/mountinfo", "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n")
        let reading = read()
        #expect(reading.cgroupMemory == nil)
        #expect(reading.freeProcesses == nil)
    }

    @Test func aLegacyControllerThatIsNotMountedMayHaveAnyLimit() throws {
        try legacy()
        try machine.write("/proc/self/mountinfo", FakeMachine.unified)
        #expect(read().cgroupMemory == nil)
    }

    @Test func aCgroupWhoseDirectoryIsMissingMayHaveAnyLimit() throws {
        try machine.write("/proc/self/cgroup", "0::/a/gone\n")
        #expect(read().cgroupMemory == nil)
        #expect(read().freeProcesses == nil)
    }

    @Test func aKernelThatPutsUsInNoCgroupHasNoLimit() throws {
        try machine.write("/proc/self/cgroup", "")
        #expect(read().cgroupMemory == .max)
        #expect(read().freeProcesses == 19_700)
    }

    @Test(arguments: ["", "lots\n", "-1\n", "1.5\n", "max max\n"])
    func aLimitThatIsNoNumberIsUnreadable(_ text: String) throws {
        try machine.write("/cgroup/a/memory.max", text)
        try machine.write("/cgroup/a/memory.current", "1\n")
        #expect(read().cgroupMemory == nil)
    }

    @Test func aLimitOrItsUsageThatCannotBeReadIsUnreadable() throws {
        try machine.write("/cgroup/a/memory.max", "1000\n")
        #expect(read().cgroupMemory == nil)
        try machine.spoil("/cgroup/a/memory.max")
        try machine.write("/cgroup/a/memory.current", "1\n")
        #expect(read().cgroupMemory == nil)
    }

    // MARK: - Processes and files

    @Test func theSmallestOfKernelCgroupAndUserBoundsProcesses() throws {
        try machine.write("/cgroup/a/pids.max", "500\n")
        try machine.write("/cgroup/a/pids.current", "100\n")
        #expect(read().freeProcesses == 400)
        try machine.write("/proc/sys/kernel/pid_max", "400\n")
        #expect(read().freeProcesses == 100)
        // Threads of user 1000: 4 and 30; of others 60.
        try machine.limits(files: "1024", processes: "120")
        try machine.write("/proc/10/status", "Name:\ta\nUid:\t1000\t0\t0\t0\nThreads:\t4\n")
        try machine.write("/proc/11/status", "Name:\tb\nUid:\t1000\t1000\t1000\t1000\nThreads:\t30\n")
        try machine.write("/proc/12/status", "Name:\tc\nUid:\t0\t1000\t1000\t1000\nThreads:\t60\n")
        #expect(read().freeProcesses == 86)
        try machine.limits(files: "1024", processes: "33")
        #expect(read().freeProcesses == 0)
    }

    @Test func rootIsNotBoundByItsNumberOfProcesses() throws {
        try machine.limits(files: "1024", processes: "1")
        try machine.write("/proc/self/status", "Name:\tx\nUid:\t0\t0\t0\t0\nThreads:\t1\n")
        #expect(read().freeProcesses == 19_700)
    }

    @Test func aUserWithPlentyIsNotCounted() throws {
        try machine.limits(files: "1024", processes: "2000")
        try machine.write("/proc/10/status", "Name:\ta\nUid:\t1000\t1000\t1000\t1000\nThreads:\t1999\n")
        #expect(read().freeProcesses == 1700)
    }

    @Test(arguments: ["/proc/loadavg", "/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max", "/proc/self/limits"])
    func oneUnreadableBoundOfProcessesIsEnough(_ path: String) throws {
        try machine.remove(path)
        #expect(read().freeProcesses == nil)
    }

    @Test func moreOpenFilesThanAllowedLeaveNone() throws {
        // The limit can be set below what is open already.
        try machine.limits(files: "5", processes: "unlimited")
        #expect(read().freeDescriptors == 0)
        try machine.limits(files: "unlimited", processes: "unlimited")
        #expect(try #require(read().freeDescriptors) > 1 << 60)
        try machine.limits(files: "many", processes: "unlimited")
        #expect(read().freeDescriptors == nil)
    }

    // MARK: - Disks

    @Test func aFileSystemIsReadOnce() {
        let workspace = machine.root + "/proc"
        #expect(read(workspaces: [workspace, workspace]).disks.map(\.path) == [machine.root])
    }

    @Test func aWorkspaceThatIsGoneIsLeftOutAndAStateDirectoryThatIsGoneIsUnreadable() {
        let reading = HostSensors.read(
            stateDirectory: machine.root + "/gone", workspaces: [machine.root + "/gone-too"], root: machine.root)
        #expect(reading.disks == [Disk(path: machine.root + "/gone", space: nil)])
    }

    @Test func aFileSystemThatDoesNotSayItsSizeIsUnreadable() {
        // procfs has no blocks.
        #expect(read(workspaces: ["/proc"]).disks.last == Disk(path: "/proc", space: nil))
    }

    // MARK: - The machine the test runs on

    @Test func theRealMachineIsPlausibleOrUnreadable() throws {
        let clock = ContinuousClock()
        let began = clock.now
        let reading = HostSensors.read(stateDirectory: "/tmp", workspaces: ["/", "/nowhere"])
        #expect(clock.now - began < .seconds(2))
        func plausible(_ value: Int64?, _ range: ClosedRange<Int64>) -> Bool { value.map(range.contains) ?? true }
        #expect(plausible(reading.availableMemory, 1 << 20...1 << 50))
        #expect(plausible(reading.cgroupMemory, 0...(1 << 50)) || reading.cgroupMemory == .max)
        for pressure in [reading.cpuPressure, reading.memoryPressure, reading.ioPressure] {
            #expect(pressure.map { (0...101).contains($0.some) && (0...101).contains($0.full ?? 0) } ?? true)
        }
        #expect(plausible(reading.freeDescriptors, 1...(1 << 40)) || reading.freeDescriptors == .max)
        #expect(plausible(reading.freeProcesses, 1...(1 << 32)))
        #expect(plausible(reading.cores.map(Int64.init), 1...(1 << 16)))
        #expect(reading.disks.first?.path == "/tmp")
        for disk in reading.disks {
            let space = try #require(disk.space)
            #expect(
                space.freeBytes >= 0 && space.freeInodes >= 0 && space.freeInodes <= max(space.inodes, space.freeInodes)
            )
        }
        // Where this runs there is /proc, and every kernel with it has these.
        #expect(reading.availableMemory != nil && reading.freeDescriptors != nil && reading.cores != nil)
    }

    @Test func aDescriptorMoreIsOneLess() throws {
        let before = try #require(HostSensors.read(stateDirectory: "/tmp", workspaces: []).freeDescriptors)
        let opened = (0..<50).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
        let after = try #require(HostSensors.read(stateDirectory: "/tmp", workspaces: []).freeDescriptors)
        for descriptor in opened { close(descriptor) }
        // Other tests open files as well.
        #expect((20...80).contains(before - after))
    }
}
