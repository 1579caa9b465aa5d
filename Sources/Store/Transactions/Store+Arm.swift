import GRDB

/// Whether START may be sent.
package enum ArmResult: Equatable, Sendable {
    case armed
    /// Somebody asked it to stop first: do not send START, end it with this reason.
    case stopRequested(StopRequest)
    /// The claim is not the live one any more.
    case stale
}

extension Store {
    /// Authorises the start, durably: START may be sent only after this said `armed`.
    package func arm(_ claim: Claim, shepherd: ProcessIdentity) throws(StoreError) -> ArmResult {
        try write(StateMachine.row(.arm).durability) { db in
            if let request = try db.stopRequest(claim) { return .stopRequested(request) }
            let moment = Moment()
            let step = try db.take(
                .arm, claim, at: moment,
                setting: [
                    ("armed_at", moment.wall.milliseconds), ("shepherd_pid", shepherd.pid),
                    ("shepherd_start_time", shepherd.startTime),
                ],
                ["shepherdPid": .integer(Int64(shepherd.pid))])
            return step == .taken(.sendStart) ? .armed : .stale
        }
    }
}
