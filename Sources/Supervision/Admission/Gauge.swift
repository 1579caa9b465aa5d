/// What is compared with a bound, and stays blocked until it is well below it.
enum Gauge: CaseIterable, Hashable, Sendable {
    case memorySome, memoryFull, cpu, io

    func value(_ reading: HostReading) -> Double? {
        switch self {
        case .memorySome: reading.memoryPressure?.some
        case .memoryFull: reading.memoryPressure?.full
        case .cpu: reading.cpuPressure?.some
        case .io: reading.ioPressure?.full
        }
    }

    func bound(_ limits: AdmissionLimits) -> Double? {
        switch self {
        case .memorySome: limits.memorySomePressure
        case .memoryFull: limits.memoryFullPressure
        case .cpu: limits.cpuPressure
        case .io: limits.ioPressure
        }
    }

    /// Its bound spaces starts out instead of stopping them.
    var onlyDelays: Bool { self == .cpu }

    var sensor: Sensor {
        switch self {
        case .memorySome, .memoryFull: .pressure("memory")
        case .cpu: .pressure("cpu")
        case .io: .pressure("io")
        }
    }
}

/// What could not be read.
enum Sensor: Equatable {
    case memory, cgroup, descriptors, processes
    /// The resource's name below `/proc/pressure`.
    case pressure(String)
    case disk(String)
}
