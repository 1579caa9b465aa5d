/// What the machine has left at one moment. Nil is what could not be read, and never means "no limit": that is `Int64.max`.
package struct HostReading: Equatable, Sendable {
    /// Bytes that can be had without swapping: `MemAvailable`, not `MemFree`, which leaves out what the page cache would give back.
    package var availableMemory: Int64?
    /// Bytes: the smallest headroom of the cgroups from our own up to the uppermost that can be seen.
    package var cgroupMemory: Int64?

    package var cpuPressure: Pressure?
    package var memoryPressure: Pressure?
    package var ioPressure: Pressure?

    /// The file systems that a start writes to, that of the state directory first. None is as good as unreadable.
    package var disks: [Disk]

    /// File descriptors that this process may still open.
    package var freeDescriptors: Int64?
    /// Processes and threads that may still be made: the smallest of what the kernel, this user and our cgroups allow.
    package var freeProcesses: Int64?

    /// Processors that this process may run on.
    package var cores: Int?

    package init(
        availableMemory: Int64? = nil, cgroupMemory: Int64? = nil, cpuPressure: Pressure? = nil,
        memoryPressure: Pressure? = nil, ioPressure: Pressure? = nil, disks: [Disk] = [],
        freeDescriptors: Int64? = nil, freeProcesses: Int64? = nil, cores: Int? = nil
    ) {
        self.availableMemory = availableMemory
        self.cgroupMemory = cgroupMemory
        self.cpuPressure = cpuPressure
        self.memoryPressure = memoryPressure
        self.ioPressure = ioPressure
        self.disks = disks
        self.freeDescriptors = freeDescriptors
        self.freeProcesses = freeProcesses
        self.cores = cores
    }
}

/// Pressure stall information of a resource: percent of the last ten seconds in which something waited for it, a running average
/// (Documentation/accounting/psi.rst).
package struct Pressure: Equatable, Sendable {
    /// At least one task waited.
    package var some: Double
    /// All that were not idle waited. For the processors Linux says so since 5.13 only.
    package var full: Double?

    package init(some: Double, full: Double?) {
        self.some = some
        self.full = full
    }
}

/// The file system of a directory.
package struct Disk: Equatable, Sendable {
    /// What a user other than root may still use.
    package struct Space: Equatable, Sendable {
        package var freeBytes: Int64
        package var freeInodes: Int64
        /// 0 where the file system makes inodes as it needs them (btrfs).
        package var inodes: Int64

        package init(freeBytes: Int64, freeInodes: Int64, inodes: Int64) {
            self.freeBytes = freeBytes
            self.freeInodes = freeInodes
            self.inodes = inodes
        }
    }

    /// The directory, absolute.
    package var path: String
    package var space: Space?

    package init(path: String, space: Space?) {
        self.path = path
        self.space = space
    }
}
