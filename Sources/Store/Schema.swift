import GRDB

/// The tables, and the one path from every older version to this one.
///
/// `PRAGMA user_version` counts the steps that were taken. A step is never edited after a release, only followed by another,
/// and none drops a row.
enum Schema {
    /// "Clau", so that no other program's database is taken for ours.
    static let applicationID: Int64 = 0x436c_6175

    static let steps: [String] = [first, violations, queue, listing, directories, labels, doors]

    static var version: Int64 { Int64(steps.count) }

    /// Takes the steps that are missing, each in the transaction that the caller has begun.
    static func migrate(_ db: Database, from current: Int64) throws {
        for step in steps.dropFirst(Int(current)) {
            try db.execute(sql: step)
        }
        try db.execute(sql: "PRAGMA user_version = \(version); PRAGMA application_id = \(applicationID)")
    }

    private static func list(_ states: [TaskState]) -> String {
        states.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    }

    /// What the cage refused is part of an attempt's record.
    private static let violations = """
        ALTER TABLE attempt ADD COLUMN violations_json TEXT
            CHECK (violations_json IS NULL OR json_valid(violations_json));
        """

    /// Which state directory an instance was registered in (device and inode), so that a copy of the database is known as one.
    private static let directories = "ALTER TABLE instance ADD COLUMN directory TEXT;"

    /// Which tasks carry a label, so that a list by label does not read every request. The request stays the truth.
    private static let labels = """
        CREATE TABLE label (
            text TEXT NOT NULL,
            task INTEGER NOT NULL REFERENCES task (number) ON DELETE CASCADE,
            PRIMARY KEY (text, task)
        ) STRICT;
        CREATE INDEX label_task ON label (task);
        CREATE TRIGGER task_is_labelled AFTER INSERT ON task
        BEGIN
            INSERT OR IGNORE INTO label (text, task)
                SELECT value, NEW.number FROM json_each(NEW.spec_json, '$.labels');
        END;
        INSERT OR IGNORE INTO label (text, task)
            SELECT value, number FROM task, json_each(spec_json, '$.labels');
        """

    /// What clients have asked for, and what people have said to it.
    private static let doors = """
        CREATE TABLE audit (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            time INTEGER NOT NULL,
            client TEXT NOT NULL,
            tool TEXT NOT NULL,
            digest TEXT NOT NULL,
            decision TEXT NOT NULL CHECK (decision IN ('accepted', 'refused', 'limited', 'asked')),
            policy TEXT,
            task_id TEXT,
            tool_use TEXT
        ) STRICT;
        CREATE INDEX audit_client ON audit (client, time);

        CREATE TABLE approval (
            id TEXT PRIMARY KEY NOT NULL,
            client TEXT NOT NULL,
            digest TEXT NOT NULL,
            policy TEXT NOT NULL,
            summary TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            decision TEXT CHECK (decision IN ('approved', 'denied')),
            decided_at INTEGER,
            spent_at INTEGER,
            CHECK ((decision IS NOT NULL) = (decided_at IS NOT NULL)),
            CHECK (spent_at IS NULL OR decision = 'approved')
        ) STRICT;
        CREATE INDEX approval_request ON approval (client, digest);

        CREATE INDEX task_client ON task (json_extract(spec_json, '$.client'), number)
            WHERE json_extract(spec_json, '$.client') IS NOT NULL;
        """

    /// The queue: an order that a restart keeps, who alone may claim a task, when it may and until when it must be, and what it waits
    /// for. Columns `…_boottime` are nanoseconds of CLOCK_BOOTTIME in the boot of `clock_boot`.
    private static let queue = """
        ALTER TABLE task ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE task ADD COLUMN owner TEXT;
        ALTER TABLE task ADD COLUMN idempotency_key TEXT;
        ALTER TABLE task ADD COLUMN continue_session TEXT;
        ALTER TABLE task ADD COLUMN give_up INTEGER NOT NULL DEFAULT 0 CHECK (give_up IN (0, 1));
        ALTER TABLE task ADD COLUMN clock_boot TEXT;
        ALTER TABLE task ADD COLUMN not_before INTEGER;
        ALTER TABLE task ADD COLUMN not_before_boottime INTEGER;
        ALTER TABLE task ADD COLUMN queue_deadline INTEGER;
        ALTER TABLE task ADD COLUMN queue_deadline_boottime INTEGER;
        DROP INDEX task_live;
        CREATE INDEX task_live ON task (state) WHERE ended_at IS NULL;
        CREATE INDEX task_queue ON task (rank, number) WHERE state = 'queued';
        CREATE INDEX task_ended ON task (ended_at) WHERE ended_at IS NOT NULL;
        CREATE INDEX task_home ON task (json_extract(spec_json, '$.homeOf'))
            WHERE json_extract(spec_json, '$.homeOf') IS NOT NULL;
        CREATE UNIQUE INDEX task_idempotency ON task (idempotency_key) WHERE idempotency_key IS NOT NULL;

        ALTER TABLE attempt ADD COLUMN ignored INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE attempt ADD COLUMN stuck_json TEXT CHECK (stuck_json IS NULL OR json_valid(stuck_json));

        ALTER TABLE instance ADD COLUMN role TEXT NOT NULL DEFAULT 'run' CHECK (role IN ('run', 'daemon'));
        ALTER TABLE instance ADD COLUMN leaving INTEGER NOT NULL DEFAULT 0 CHECK (leaving IN (0, 1));
        ALTER TABLE instance ADD COLUMN status_json TEXT CHECK (status_json IS NULL OR json_valid(status_json));

        CREATE INDEX instance_daemon ON instance (number) WHERE role = 'daemon';

        CREATE TABLE dependency (
            task INTEGER NOT NULL REFERENCES task (number) ON DELETE CASCADE,
            needs INTEGER NOT NULL REFERENCES task (number) ON DELETE CASCADE,
            any_end INTEGER NOT NULL CHECK (any_end IN (0, 1)),
            PRIMARY KEY (task, needs),
            -- A task can only wait for older ones, so that there is no way to write down a circle.
            CHECK (needs < task)
        ) STRICT;
        CREATE INDEX dependency_needs ON dependency (needs);
        """

    /// So that a list of some tasks does not look at all of them.
    private static let listing = """
        CREATE INDEX task_state ON task (state, number);
        CREATE INDEX task_created ON task (created_at);
        """

    /// Times are milliseconds since 1970 in UTC, columns named `…_json` hold one JSON value.
    /// No table is WITHOUT ROWID: GRDB could not observe it.
    private static let first = """
        CREATE TABLE instance (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            host TEXT NOT NULL,
            boot_id TEXT NOT NULL,
            pid INTEGER NOT NULL,
            start_time INTEGER NOT NULL,
            registered_at INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE task (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            spec_json TEXT NOT NULL CHECK (json_valid(spec_json)),
            priority TEXT NOT NULL CHECK (priority IN ('P0', 'P1', 'P2')),
            state TEXT NOT NULL CHECK (state IN (\(list(TaskState.allCases)))),
            reason_json TEXT CHECK (reason_json IS NULL OR json_valid(reason_json)),
            stop_reason_json TEXT CHECK (stop_reason_json IS NULL OR json_valid(stop_reason_json)),
            stop_force INTEGER NOT NULL DEFAULT 0 CHECK (stop_force IN (0, 1)),
            stop_requested_at INTEGER,
            created_at INTEGER NOT NULL,
            ended_at INTEGER,
            CHECK ((ended_at IS NOT NULL) = (state IN (\(list(TaskState.terminal))))),
            CHECK ((stop_reason_json IS NOT NULL) = (stop_requested_at IS NOT NULL))
        ) STRICT;
        CREATE INDEX task_live ON task (state, priority, number) WHERE ended_at IS NULL;

        CREATE TRIGGER task_terminal_is_final BEFORE UPDATE OF state, reason_json, ended_at ON task
        WHEN OLD.ended_at IS NOT NULL
        BEGIN
            SELECT RAISE(ABORT, 'a terminal task does not change');
        END;

        CREATE TABLE attempt (
            fence INTEGER PRIMARY KEY AUTOINCREMENT,
            task_id TEXT NOT NULL REFERENCES task (id) ON DELETE CASCADE,
            number INTEGER NOT NULL CHECK (number > 0),
            instance_id TEXT NOT NULL,
            nonce BLOB NOT NULL CHECK (length(nonce) = 16),
            boot_id TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('claimed', 'armed', 'running', 'stopping', 'exited', 'ended')),
            counted INTEGER NOT NULL DEFAULT 1 CHECK (counted IN (0, 1)),
            frozen_json TEXT NOT NULL CHECK (json_valid(frozen_json)),
            claimed_at INTEGER NOT NULL,
            armed_at INTEGER,
            started_at INTEGER,
            exited_at INTEGER,
            ended_at INTEGER,
            shepherd_pid INTEGER,
            shepherd_start_time INTEGER,
            child_pid INTEGER,
            child_start_time INTEGER,
            receipt_json TEXT CHECK (receipt_json IS NULL OR json_valid(receipt_json)),
            stop_reason_json TEXT CHECK (stop_reason_json IS NULL OR json_valid(stop_reason_json)),
            exit_facts_json TEXT CHECK (exit_facts_json IS NULL OR json_valid(exit_facts_json)),
            exit_json TEXT CHECK (exit_json IS NULL OR json_valid(exit_json)),
            reason_json TEXT CHECK (reason_json IS NULL OR json_valid(reason_json)),
            stragglers INTEGER,
            output_json TEXT CHECK (output_json IS NULL OR json_valid(output_json)),
            resources_json TEXT CHECK (resources_json IS NULL OR json_valid(resources_json)),
            usage_json TEXT CHECK (usage_json IS NULL OR json_valid(usage_json)),
            session_id TEXT,
            result_json TEXT CHECK (result_json IS NULL OR json_valid(result_json)),
            wall_ms INTEGER,
            UNIQUE (task_id, number),
            CHECK ((ended_at IS NOT NULL) = (state = 'ended'))
        ) STRICT;
        CREATE UNIQUE INDEX attempt_one_live ON attempt (task_id) WHERE ended_at IS NULL;

        CREATE TABLE event (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            time INTEGER NOT NULL,
            boottime INTEGER NOT NULL,
            task_id TEXT NOT NULL,
            attempt INTEGER,
            kind TEXT NOT NULL,
            data_json TEXT NOT NULL CHECK (json_valid(data_json))
        ) STRICT;
        CREATE INDEX event_task ON event (task_id, seq);
        CREATE UNIQUE INDEX event_one_task_ended ON event (task_id) WHERE kind = 'task.ended';
        CREATE UNIQUE INDEX event_one_attempt_ended ON event (task_id, attempt) WHERE kind = 'attempt.ended';
        """
}
