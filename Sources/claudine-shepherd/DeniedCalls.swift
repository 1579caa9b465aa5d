internal import CCage
internal import ShepherdProtocolEmbedded

/// Answers the calls that the filter hands to us instead of refusing them itself: always with EPERM, whatever their arguments
/// point to, so that no thread can change an argument between our look and the kernel's (seccomp_unotify(2)). What is gained
/// is that the refusal is known: it is counted by call, and told at once the first time and then at most once a second.
struct DeniedCalls {
    private struct Tally {
        var denied: DeniedCall
        var reported: UInt64
        var reportedAt: UInt64
    }

    private(set) var listener: Int32 = -1
    private var tallies: [Tally] = []
    /// When what was held back is to be told; `max` for never.
    private(set) var next: UInt64 = .max

    private static let interval: UInt64 = 1_000_000_000

    mutating func listen(on descriptor: Int32) {
        close()
        listener = descriptor
    }

    mutating func close() {
        if listener >= 0 { _ = CCage.close(listener) }
        listener = -1
    }

    /// Takes the one call that poll(2) has announced.
    ///
    /// - Returns: what to report now, if anything.
    mutating func answer(at now: UInt64) -> DeniedCall? {
        var call: UInt32 = 0
        var process: pid_t = 0
        switch cage_refuse_call(listener, &call, &process) {
        case 0: return nil
        case 1: return count(call, of: process, at: now)
        default:
            // Nobody is left who could make a call.
            close()
            return nil
        }
    }

    private mutating func count(_ call: UInt32, of process: pid_t, at now: UInt64) -> DeniedCall? {
        guard let index = tallies.firstIndex(where: { $0.denied.call == call }) else {
            let denied = DeniedCall(call: call, count: 1, program: Self.name(of: process))
            tallies.append(Tally(denied: denied, reported: 1, reportedAt: now))
            return denied
        }
        tallies[index].denied.count += 1
        // Naming costs a read of /proc: once a second is often enough, also for a flood.
        guard now >= tallies[index].reportedAt + Self.interval else {
            next = min(next, tallies[index].reportedAt + Self.interval)
            return nil
        }
        tallies[index].denied.program = Self.name(of: process)
        return report(index, at: now)
    }

    /// What was held back and is due by `now`; everything at the end.
    mutating func due(at now: UInt64, all: Bool = false) -> [DeniedCall] {
        next = .max
        var due: [DeniedCall] = []
        for index in tallies.indices where tallies[index].denied.count > tallies[index].reported {
            let time = tallies[index].reportedAt + Self.interval
            if all || now >= time { due.append(report(index, at: now)) } else { next = min(next, time) }
        }
        return due
    }

    private mutating func report(_ index: Int, at now: UInt64) -> DeniedCall {
        tallies[index].reported = tallies[index].denied.count
        tallies[index].reportedAt = now
        return tallies[index].denied
    }

    /// Its own choice, so nothing but a hint for a person; empty when it is gone already.
    private static func name(of process: pid_t) -> Bytes {
        guard process > 0, var name = ProcReader.read(ProcReader.path(process, "/comm")) else { return [] }
        if name.last == 10 { name.removeLast() }
        return name
    }
}
