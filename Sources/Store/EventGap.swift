import GRDB

extension Database {
    /// Makes sure that no `seq` is given out twice although the machine went down: progress notes are not synced, so a follower may
    /// have been shown some that the database has lost, and it would never see what gets their numbers.
    ///
    /// Only an attempt that was under way has such notes. As long as one of another boot is there, numbers go on behind a gap.
    func leaveGapBehindLostEvents(bootID: String) throws {
        try execute(
            sql: """
                UPDATE sqlite_sequence SET seq = seq + \(Self.eventGap) WHERE name = 'event'
                    AND EXISTS (SELECT 1 FROM attempt WHERE ended_at IS NULL AND boot_id <> ?)
                """, arguments: [bootID])
    }

    /// More than are ever unsynced: each checkpoint syncs the log (https://www.sqlite.org/wal.html, "Checkpointing"), and there is one
    /// every `Store.checkpointPages` pages, of which a commit takes at least two.
    private static let eventGap = 10_000
}
