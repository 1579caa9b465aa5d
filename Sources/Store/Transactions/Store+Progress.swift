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

/// A tree that could not be emptied yet, and keeps its slot until it can.
package struct StuckTree: Codable, Equatable, Sendable {
    package var since: Timestamp
    /// Processes that were still there at the last look; nil where they could not be counted.
    package var processes: Int?

    package init(since: Timestamp, processes: Int?) {
        self.since = since
        self.processes = processes
    }
}

/// Progress notes: each returns false, and changes nothing but a count, when the claim is stale or the state does not allow it.
extension Store {
    /// The agent was exec'ed; `receipt` is what was in force just before.
    package func started(
        _ claim: Claim, child: ProcessIdentity, receipt: JSONValue?
    ) throws(StoreError) -> Bool {
        try write(StateMachine.row(.start).durability) { db in
            let moment = Moment()
            return try db.take(
                .start, claim, at: moment,
                setting: [
                    ("started_at", moment.wall.milliseconds), ("child_pid", child.pid),
                    ("child_start_time", child.startTime),
                    ("receipt_json", try receipt.map { try JSONText.encode($0) }),
                ],
                ["childPid": .integer(Int64(child.pid))]
            ).isTaken
        }
    }

    /// Latches why the attempt is being stopped and says which reason holds: this one, or the one that was first.
    /// Nil when the claim is stale. An attempt that is stopping already gets no second event.
    package func stopping(_ claim: Claim, _ reason: Reason) throws(StoreError) -> Reason? {
        try write(StateMachine.row(.stop).durability) { db in
            let moment = Moment()
            guard try db.isLive(claim) else { return nil }
            try db.latch(claim.taskID, reason, force: false, at: moment)
            let latched = try db.stopRequest(claim)?.reason ?? reason
            _ = try db.take(
                .stop, claim, at: moment, setting: [("stop_reason_json", try JSONText.encode(latched))],
                ["reason": latched.json])
            return latched
        }
    }

    /// The leader is gone, its tree perhaps not yet.
    package func exited(_ claim: Claim, _ facts: ExitFacts) throws(StoreError) -> Bool {
        try write(StateMachine.row(.exit).durability) { db in
            let moment = Moment()
            return try db.take(
                .exit, claim, at: moment,
                setting: [
                    ("exited_at", moment.wall.milliseconds), ("exit_facts_json", try JSONText.encode(facts)),
                    ("exit_json", try JSONText.encode(facts.exit)),
                ],
                ["exit": facts.exit.json, "signalledBefore": .bool(facts.signalledBefore)]
            ).isTaken
        }
    }

    /// Its processes do not end although they were killed: it keeps its slot, and says so.
    package func stuck(_ claim: Claim, processes: Int?) throws(StoreError) -> Bool {
        try write(StateMachine.row(.stick).durability) { db in
            let moment = Moment()
            let before = try String.fetchOne(
                db, sql: "SELECT stuck_json FROM attempt WHERE fence = ?", arguments: [claim.fence])
            var tree = StuckTree(since: moment.wall, processes: processes)
            if let before { tree.since = try JSONText.decode(StuckTree.self, from: before).since }
            var data: [String: JSONValue] = ["since": .string(tree.since.rfc3339)]
            data["processes"] = processes.map { .integer(Int64($0)) }
            return try db.take(
                .stick, claim, at: moment, setting: [("stuck_json", try JSONText.encode(tree))], .object(data)
            ).isTaken
        }
    }
}
