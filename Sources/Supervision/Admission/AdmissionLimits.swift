package import Policy

/// What must be left for one more attempt to start. The numbers are those of the study of supervision, D, unless said otherwise.
package struct AdmissionLimits: Equatable, Sendable {
    /// Memory that stays free whatever is admitted.
    package var memoryReserve = ByteSize(bytes: 512 << 20)
    /// Space that stays free on the file systems of the state directory and of the workspaces.
    package var diskReserve = ByteSize(bytes: 1 << 30)
    /// Share of the inodes of such a file system, 0…1; where it makes them as it needs them there is no bound.
    package var inodeReserve = 0.005

    /// Percent of the last ten seconds, nil for no bound: starts stop at this value. Where something waits for memory, it is short.
    package var memorySomePressure: Double? = 10
    package var memoryFullPressure: Double? = 2
    /// `some` counts every second in which anything waited for a processor, which with two of them is most of the time; and
    /// agents wait for the network. So it is not the study's 60.
    package var cpuPressure: Double? = 90
    package var ioPressure: Double? = 20
    /// Starts go on at this share of the bound, 0…1 …
    package var resumeShare = 0.7
    /// … after so long at or below it.
    package var calm = TimeSpan(milliseconds: 5_000)

    /// How fast concurrency grows: starts a second, and half as many while something settles. Nil for no bound.
    package var startRate: Double? = 1
    /// Starts at once after a quiet time.
    package var startBurst = 2

    /// How long after its start an attempt is believed to grow to what its kind usually takes.
    package var settling = TimeSpan(milliseconds: 15_000)
    /// Expected of an agent as long as few have been measured.
    package var agentMemory = ByteSize(bytes: 600 << 20)
    /// Expected of a `command`.
    package var commandMemory = ByteSize(bytes: 64 << 20)

    /// What a start takes: the ends of pipes, the gateway's listener and connections, the logs.
    package var descriptorsPerStart = 32
    /// Shepherd, init, an agent's threads and its first tools.
    package var processesPerStart = 64

    package init() {}
}
