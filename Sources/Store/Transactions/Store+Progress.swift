import GRDB

/// What the shepherd saw when the leader was gone.
package struct ExitFacts: Codable, Equatable, Sendable {
    package var exit: WorkerExit
    /// Whether one of our signals had been sent before the exit was seen: decides every race.
    package var signalledBefore: Bool
    /// Nanoseconds of CLOCK_BOOTTIME.
    package var observedAt: Int64?

    package init(exit: WorkerExit, signalledBefore: Bool, observedAt: Int64? = nil) {
        self.exit = exit
        self.signalledBefore = signalledBefore
        self.observedAt = observedAt
    }
}

/// Progress notes: each returns false, and changes nothing, when the claim is stale or the state does not allow it.
extension Store {
    /// The agent was exec'ed; `receipt` is what was in force just before.
    package func started(
        _ claim: Claim, child: ProcessIdentity, receipt: JSONValue?
    ) throws(StoreError) -> Bool {
        try write(Transition.started.durability) { db in
            let moment = Moment()
            let columns: Columns = [
                ("started_at", moment.wall.milliseconds), ("child_pid", child.pid),
                ("child_start_time", child.startTime),
                ("receipt_json", try receipt.map { try JSONText.encode($0) }),
            ]
            let data: JSONValue = ["childPid": .integer(Int64(child.pid))]
            for transition in [Transition.started, .startedWhileStopping]
            where try db.advance(claim, transition, at: moment, setting: columns, data) { return true }
            return false
        }
    }

    /// Latches why the attempt is being stopped and says which reason holds: this one, or the one that was first.
    /// Nil when the claim is stale. An attempt that is stopping already gets no second event.
    package func stopping(_ claim: Claim, _ reason: Reason) throws(StoreError) -> Reason? {
        let transition = Transition.stopping
        return try write(transition.durability) { db in
            let moment = Moment()
            guard try db.isLive(claim) else { return nil }
            try db.latch(claim.taskID, reason, force: false, at: moment)
            let latched = try db.stopRequest(claim)?.reason ?? reason
            _ = try db.advance(
                claim, transition, at: moment, setting: [("stop_reason_json", try JSONText.encode(latched))],
                ["reason": latched.json])
            return latched
        }
    }

    /// The leader is gone, its tree perhaps not yet.
    package func exited(_ claim: Claim, _ facts: ExitFacts) throws(StoreError) -> Bool {
        let transition = Transition.exited
        return try write(transition.durability) { db in
            let moment = Moment()
            return try db.advance(
                claim, transition, at: moment,
                setting: [
                    ("exited_at", moment.wall.milliseconds), ("exit_facts_json", try JSONText.encode(facts)),
                    ("exit_json", try JSONText.encode(facts.exit)),
                ],
                ["exit": facts.exit.json, "signalledBefore": .bool(facts.signalledBefore)])
        }
    }
}
