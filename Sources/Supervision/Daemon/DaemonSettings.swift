package import Policy
package import Store

/// How a daemon goes about its work.
package struct DaemonSettings: Sendable {
    package var bounds: QueueBounds
    package var admission: AdmissionLimits
    package var onStop: ServeConfiguration.OnStop
    /// How long one that was started on demand stays without work; nil stays for ever.
    package var idleExit: TimeSpan?
    /// Ended tasks older than this are removed with their files; nil keeps them.
    package var retention: TimeSpan?
    /// Ends instead of waiting when recovery cannot finish.
    package var insistsOnRecovery: Bool
    package var version: String

    /// As the operator configured it.
    ///
    /// - Parameter onDemand: a command started it, and it leaves when there is nothing to do.
    package init(_ configuration: OperatorConfiguration, onDemand: Bool, insistsOnRecovery: Bool, version: String) {
        self.init(
            bounds: configuration.bounds, admission: AdmissionLimits(configuration.admission),
            onStop: configuration.serve.onStop, idleExit: onDemand ? configuration.serve.idleExit : nil,
            retention: configuration.queue.retention.value, insistsOnRecovery: insistsOnRecovery, version: version)
    }

    private init(
        bounds: QueueBounds, admission: AdmissionLimits, onStop: ServeConfiguration.OnStop, idleExit: TimeSpan?,
        retention: TimeSpan?,
        insistsOnRecovery: Bool, version: String
    ) {
        self.bounds = bounds
        self.admission = admission
        self.onStop = onStop
        self.idleExit = idleExit
        self.retention = retention
        self.insistsOnRecovery = insistsOnRecovery
        self.version = version
    }
}

extension OperatorConfiguration {
    package var bounds: QueueBounds { QueueBounds(running: queue.maxRunning, waiting: queue.maxLength) }
}

extension AdmissionLimits {
    /// What the operator did not configure keeps its default.
    init(_ configuration: AdmissionConfiguration) {
        self.init()
        memoryReserve = configuration.memoryReserve
        diskReserve = configuration.diskReserve
        memorySomePressure = configuration.memoryPressure.map(Double.init)
        if configuration.memoryPressure == nil { memoryFullPressure = nil }
        cpuPressure = configuration.cpuPressure.map(Double.init)
        ioPressure = configuration.ioPressure.map(Double.init)
        startRate = configuration.startRate.map(Double.init)
        startBurst = configuration.startBurst
    }
}
