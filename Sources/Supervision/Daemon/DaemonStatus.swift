package import Store

/// What the daemon says about itself in its row, for `claudine status`.
package struct DaemonStatus: Codable, Equatable, Sendable {
    package enum Phase: String, Codable, Sendable {
        /// Brings the store in line with what is alive; nothing is dispatched before that is done.
        case recovering
        case ready
        /// Recovery could not finish: nothing is dispatched until it can.
        case degraded
        /// Takes nothing new, and lets what runs come to its end.
        case draining
        /// Takes nothing new, and stops what runs.
        case stopping
    }

    package var phase: Phase
    package var startedOnDemand: Bool
    package var version: String
    package var maxRunning: Int
    package var admission: AdmissionVerdict

    package init(
        phase: Phase, startedOnDemand: Bool, version: String, maxRunning: Int, admission: AdmissionVerdict
    ) {
        self.phase = phase
        self.startedOnDemand = startedOnDemand
        self.version = version
        self.maxRunning = maxRunning
        self.admission = admission
    }

    /// What a daemon with these settings would find now.
    package static func admission(of store: Store, _ settings: DaemonSettings, running: Int) -> AdmissionVerdict {
        var admission = Admission(settings.admission)
        return admission.verdict(
            HostSensors.read(stateDirectory: store.paths.directory, workspaces: []), running: running,
            maxRunning: settings.bounds.running, kind: "command", at: boottimeNanoseconds())
    }

    /// As the store keeps it.
    package var json: JSONValue {
        get throws(StoreError) { try JSONText.decode(JSONValue.self, from: JSONText.encode(self)) }
    }

    /// Nil for what another version has written otherwise.
    package init?(_ json: JSONValue?) {
        guard let json, let text = try? JSONText.encode(json),
            let status = try? JSONText.decode(DaemonStatus.self, from: text)
        else { return nil }
        self = status
    }

    /// Apart from numbers that change all the time: whether it is worth writing down again.
    func saysTheSame(as other: DaemonStatus) -> Bool {
        var (one, two) = (self, other)
        one.admission.blockedBy = []
        two.admission.blockedBy = []
        return one == two && admission.blockedBy.map(\.code) == other.admission.blockedBy.map(\.code)
    }
}
