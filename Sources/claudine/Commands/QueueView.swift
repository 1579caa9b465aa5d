import Policy
import Store
import Supervision

/// What `claudine status` shows without a task.
struct QueueView: Encodable {
    /// Whether another task would be started now.
    var admission: AdmissionVerdict
    var daemon: Daemon?
    var slots: Slots
    /// Tasks that have not ended, by state.
    var tasks: [String: Int]

    struct Daemon: Encodable {
        var pid: Int32
        var state: String
        var startedAt: Timestamp
        var startedOnDemand: Bool?
        var version: String?
    }

    struct Slots: Encodable {
        var used: Int
        var total: Int
    }

    init(_ store: Store, _ settings: OperatorConfiguration) throws {
        let known = try store.daemon()
        let status = DaemonStatus(known?.status)
        let used = try store.runningAttempts()
        slots = Slots(used: used, total: status?.maxRunning ?? settings.queue.maxRunning)
        if let known {
            // One that was told to leave says how it does that.
            let isJustLeaving = known.isLeaving && status?.phase == .ready
            daemon = Daemon(
                pid: known.identity.process.pid,
                state: isJustLeaving ? "leaving" : status?.phase.rawValue ?? "unknown",
                startedAt: known.identity.registeredAt, startedOnDemand: status?.startedOnDemand,
                version: status?.version)
        }
        tasks = Dictionary(uniqueKeysWithValues: try store.counts().map { ($0.key.rawValue, $0.value) })
        // Without a daemon, what one would find; it has no memory of what settles, and neither have we.
        admission =
            status?.admission
            ?? DaemonStatus.admission(
                of: store, DaemonSettings(settings, onDemand: true, insistsOnRecovery: false, version: Version.number),
                running: used)
    }

    var word: String { daemon?.state ?? "none" }

    var text: String {
        var lines: [(String, String)] = []
        if let daemon {
            let origin = daemon.startedOnDemand == true ? ", started on demand" : ""
            lines.append(("daemon", "\(daemon.state) (pid \(daemon.pid)\(origin)), since \(daemon.startedAt.rfc3339)"))
        } else {
            lines.append(("daemon", "none; claudine run --detach starts one"))
        }
        lines.append(("slots", "\(slots.used) of \(slots.total) in use"))
        let order = TaskState.live.map(\.rawValue)
        let counts = order.compactMap { state in tasks[state].map { "\($0) \(state)" } }
        lines.append(("tasks", counts.isEmpty ? "none" : counts.joined(separator: ", ")))
        lines.append(("starts", admission.ok ? "yes" : "no"))
        for blocker in admission.blockedBy { lines.append(("", blocker.message.oneLine)) }
        return lines.map { Colour.dim.paint($0.padded(to: 6)) + "  " + $1 + "\n" }
            .joined()
    }
}
