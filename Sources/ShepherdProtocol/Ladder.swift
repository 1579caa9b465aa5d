/// The stop ladder and the clocks of one attempt: SIGTERM and SIGCONT to the agent's group, a grace, then the whole cage.
///
/// Pure: time comes in as nanoseconds of CLOCK_BOOTTIME, what to do goes out as `Actions`. "Stopped" means that the tree is
/// empty; the leader's exit never cancels an escalation that has begun (studies of supervisors: the one bug nearly all share).
package struct Ladder: Equatable, Sendable {
    package enum Phase: Equatable, Sendable {
        /// The worker has not been released into exec yet.
        case starting
        case running
        /// The leader ended by itself; survivors have until `deadline`.
        case lingering(deadline: UInt64)
        /// SIGTERM was sent; SIGKILL follows at `deadline`.
        case terminating(deadline: UInt64)
        /// SIGKILL was sent at `since`; STUCK is reported at `deadline` and every `killWait` after.
        case killing(since: UInt64, deadline: UInt64)
        case empty
    }

    package struct Actions: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// SIGTERM, then SIGCONT, to the agent's process group.
        package static let terminate = Actions(rawValue: 1)
        /// SIGKILL to the cage's init and the cgroup.
        package static let kill = Actions(rawValue: 2)
        package static let reportStuck = Actions(rawValue: 4)
        /// The reason was latched just now.
        package static let announce = Actions(rawValue: 8)
    }

    package private(set) var phase = Phase.starting
    /// First writer wins.
    package private(set) var reason = StopReason.none
    /// One of our signals was sent before the leader's exit was seen: physical truth decides ties.
    package private(set) var ourSignal = false
    package private(set) var leaderGone = false

    private let clocks: Clocks
    private var wallDeadline = UInt64.max
    private var idleDeadline = UInt64.max

    package init(clocks: Clocks) { self.clocks = clocks }

    /// exec has succeeded.
    package mutating func released(at now: UInt64) {
        guard phase == .starting else { return }
        phase = .running
        wallDeadline = now.addingClamped(clocks.wall)
        idleDeadline = now.addingClamped(clocks.idle)
    }

    /// A byte of output was seen.
    package mutating func output(at now: UInt64) {
        if idleDeadline != .max { idleDeadline = now.addingClamped(clocks.idle) }
    }

    /// Somebody wants the attempt to end. A later request can only strengthen the method.
    package mutating func stop(_ why: StopReason, force: Bool, at now: UInt64) -> Actions {
        var actions: Actions = []
        switch phase {
        case .empty: return []
        case .killing: return []
        case .terminating:
            return force ? kill(at: now) : []
        case .lingering:
            // The leader has ended by itself: the outcome stays its own, only the survivors' time is over.
            return kill(at: now)
        case .starting, .running:
            if reason == .none {
                reason = why
                actions.insert(.announce)
            }
            if force || phase == .starting { return actions.union(kill(at: now)) }
            ourSignal = true
            let grace = why == .supervisorGone || why == .protocolError ? clocks.orphanGrace : clocks.grace
            phase = .terminating(deadline: now.addingClamped(grace))
            return actions.union(.terminate)
        }
    }

    /// The leader has ended; `survivors` of its tree are alive.
    package mutating func leaderExited(survivors: UInt32, at now: UInt64) -> Actions {
        leaderGone = true
        wallDeadline = .max
        idleDeadline = .max
        switch phase {
        case .running, .starting:
            if survivors == 0 || clocks.linger == 0 { return kill(at: now) }
            phase = .lingering(deadline: now.addingClamped(clocks.linger))
            return []
        case .terminating:
            return survivors == 0 ? kill(at: now) : []
        case .lingering, .killing, .empty: return []
        }
    }

    package mutating func emptied() { phase = .empty }

    /// Deadlines that have passed by `now` act.
    package mutating func expire(at now: UInt64) -> Actions {
        switch phase {
        case .running:
            if now >= wallDeadline { return stop(.wall, force: false, at: now) }
            if now >= idleDeadline { return stop(.idle, force: false, at: now) }
            return []
        case .lingering(let deadline), .terminating(let deadline):
            return now >= deadline ? kill(at: now) : []
        case .killing(let since, let deadline):
            guard now >= deadline else { return [] }
            phase = .killing(since: since, deadline: now.addingClamped(clocks.killWait))
            return [.kill, .reportStuck]
        case .starting, .empty: return []
        }
    }

    /// When `expire` has to be called next; nil for never.
    package var nextDeadline: UInt64? {
        let next: UInt64
        switch phase {
        case .running: next = min(wallDeadline, idleDeadline)
        case .lingering(let deadline), .terminating(let deadline), .killing(_, let deadline): next = deadline
        case .starting, .empty: return nil
        }
        return next == .max ? nil : next
    }

    private mutating func kill(at now: UInt64) -> Actions {
        if !leaderGone { ourSignal = true }
        phase = .killing(since: now, deadline: now.addingClamped(clocks.killWait))
        return .kill
    }
}

extension UInt64 {
    /// A deadline: `max` stays "never".
    package func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
