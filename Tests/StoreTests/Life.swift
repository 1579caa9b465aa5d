@testable import Store

/// The life of one task, in facts instead of states: an independent account of what `StateMachine`'s table says.
///
/// Written from the rules (studies of supervision, A), and compared with the table and with the database.
struct Life: Equatable {
    enum Waiting { case forOthers, forItsTurn }

    struct Attempt: Equatable {
        var mayStart = false
        var hasStarted = false
        var isBeingStopped = false
        var leaderIsGone = false
    }

    enum Answer { case moves, isNoted, hasNoMeaning }

    private(set) var waiting: Waiting?
    private(set) var attempt: Attempt?

    init(_ waiting: Waiting) { self.waiting = waiting }

    var isOver: Bool { waiting == nil && attempt == nil }

    mutating func take(_ event: StateMachine.Event) -> Answer {
        switch event {
        case .unblock:
            guard waiting == .forOthers else { return .hasNoMeaning }
            waiting = .forItsTurn
        case .forsake:
            guard waiting == .forOthers else { return .hasNoMeaning }
            waiting = nil
        case .expire, .refuse:
            guard waiting != nil else { return .hasNoMeaning }
            waiting = nil
        case .claim:
            guard waiting == .forItsTurn else { return .hasNoMeaning }
            (waiting, attempt) = (nil, Attempt())
        case .ask:
            if attempt != nil { return .isNoted }
            guard waiting != nil else { return .hasNoMeaning }
            waiting = nil
        case .again:
            guard attempt != nil else { return .hasNoMeaning }
            (waiting, attempt) = (.forItsTurn, nil)
        case .end:
            guard attempt != nil else { return .hasNoMeaning }
            attempt = nil
        case .arm, .start, .stop, .exit, .stick:
            guard var attempt else { return .hasNoMeaning }
            defer { self.attempt = attempt }
            return Self.take(event, &attempt)
        }
        return .moves
    }

    private static func take(_ event: StateMachine.Event, _ attempt: inout Attempt) -> Answer {
        switch event {
        case .arm:
            guard !attempt.mayStart, !attempt.isBeingStopped, !attempt.leaderIsGone else { return .hasNoMeaning }
            attempt.mayStart = true
        case .start:
            guard !attempt.leaderIsGone else { return .hasNoMeaning }
            // What has been started after all is known, and is stopped all the same (R9).
            if attempt.isBeingStopped { return .isNoted }
            guard attempt.mayStart, !attempt.hasStarted else { return .hasNoMeaning }
            attempt.hasStarted = true
        case .stop:
            guard !attempt.isBeingStopped, !attempt.leaderIsGone else { return .hasNoMeaning }
            attempt.isBeingStopped = true
        case .exit:
            // There is no leader before START.
            guard attempt.mayStart || attempt.isBeingStopped, !attempt.leaderIsGone else { return .hasNoMeaning }
            attempt.leaderIsGone = true
        default:
            return .isNoted
        }
        return .moves
    }
}

extension Life {
    /// As the attempt's row has it.
    var attemptState: String? {
        guard let attempt else { return nil }
        if attempt.leaderIsGone { return "exited" }
        if attempt.isBeingStopped { return "stopping" }
        if attempt.hasStarted { return "running" }
        return attempt.mayStart ? "armed" : "claimed"
    }

    /// As people see it; nil once it is over.
    var taskState: String? {
        switch waiting {
        case .forOthers: return "blocked"
        case .forItsTurn: return "queued"
        case nil: break
        }
        guard let attempt else { return nil }
        if attempt.isBeingStopped { return "stopping" }
        return attempt.hasStarted ? "running" : "starting"
    }
}
