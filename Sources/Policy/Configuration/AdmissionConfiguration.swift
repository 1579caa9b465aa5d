/// `[admission]` of config.toml: what the machine has to have left before one more attempt is started.
///
/// The numbers are those of studies/supervision.md D, but for `cpuPressure`: `some` counts every moment in which anything waited for
/// a processor, so that on two of them one build reaches 60. It only spaces starts out.
package struct AdmissionConfiguration: Equatable, Sendable {
    /// Memory that stays available beside what the next attempt is expected to use.
    package var memoryReserve = ByteSize(bytes: 512 << 20)
    /// Space that stays free on the file systems of the state directory and of the workspaces.
    package var diskReserve = ByteSize(bytes: 1 << 30)
    /// Percent of ten seconds in which something waited for memory (`some avg10` of /proc/pressure/memory); nil is unlimited.
    package var memoryPressure: Int? = 10
    /// The same of /proc/pressure/cpu.
    package var cpuPressure: Int? = 90
    /// Percent of ten seconds in which everything waited for a disk (`full avg10` of /proc/pressure/io); nil is unlimited.
    package var ioPressure: Int? = 20
    /// By how many a second the number of running attempts may grow; 1…1000, nil is unlimited.
    package var startRate: Int? = 1
    /// Starts that need not wait for that; 1…256.
    package var startBurst = 2

    package init() {}

    static let reserve = ByteSize(bytes: 1 << 20)...ByteSize(bytes: 1 << 40)
    static let pressure = 1...100
    static let rate = 1...1_000
    static let burst = 1...256
}
