import GRDB

extension Store {
    /// Ends what has waited longer than its queue deadline.
    package func expireQueued() throws(StoreError) -> [TaskID] {
        let bootID = try Host.bootID()
        let query = """
            SELECT id FROM task WHERE \(Database.isWaiting)
                AND clock_boot = ? AND queue_deadline_boottime <= ? ORDER BY number
            """
        let arguments: StatementArguments = [bootID, boottimeNanoseconds()]
        // Nobody waits for the writer's lock as long as there is nothing to do.
        guard try read({ db in try Row.fetchOne(db, sql: query, arguments: arguments) }) != nil else { return [] }
        return try write(StateMachine.row(.expire).durability) { db in
            let moment = Moment()
            return try String.fetchAll(db, sql: query, arguments: arguments).compactMap(TaskID.init).filter { id in
                try db.take(.expire, id, at: moment, ending: Ending(Reason(.timeoutQueue))).isTaken
            }
        }
    }

    /// Ends tasks that wait for an instance that is dead: nobody else may claim them.
    package func endOrphaned() throws(StoreError) -> [TaskID] {
        let owned = try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT id, owner FROM task WHERE \(Database.isWaiting) AND owner IS NOT NULL ORDER BY number
                    """
            )
            .map { (try $0.decode(String.self, forColumn: "id"), try $0.decode(String.self, forColumn: "owner")) }
        }
        var ended: [TaskID] = []
        for (text, owner) in owned where try !isAlive(InstanceID(text: owner)) {
            guard let id = TaskID(text) else { continue }
            let reason = Reason(
                .lostSupervisor, "The command that was to run it ended while it waited.")
            if try refuse(queued: id, reason) { ended.append(id) }
        }
        return ended
    }

    /// Gives what waits for a point in time its deadlines on this boot's clock: those of another boot mean nothing any more.
    ///
    /// The rest of each is taken from the wall clock, never more than it was in all.
    package func rebaseClocks() throws(StoreError) {
        let bootID = try Host.bootID()
        let stale = "clock_boot IS NOT NULL AND clock_boot <> ? AND ended_at IS NULL"
        guard
            try read({ db in
                try Row.fetchOne(db, sql: "SELECT 1 FROM task WHERE \(stale)", arguments: [bootID])
            }) != nil
        else { return }
        try write(.full) { db in
            let moment = Moment()
            try db.execute(
                sql: """
                    UPDATE task SET clock_boot = :boot,
                        not_before_boottime = :now + 1000000 * min(max(not_before - :wall, 0), :longest),
                        queue_deadline_boottime = :now + 1000000 * min(max(queue_deadline - :wall, 0),
                            queue_deadline - created_at, :most)
                    WHERE clock_boot IS NOT NULL AND clock_boot <> :boot AND ended_at IS NULL
                    """,
                arguments: [
                    "boot": bootID, "now": moment.boottime, "wall": moment.wall.milliseconds,
                    "longest": Again.longestDelayMs,
                    // As many as the clock can still count.
                    "most": (Int64.max - moment.boottime) / 1_000_000,
                ])
        }
    }
}
