import GRDB
import Glibc

/// The name of one process that runs tasks: `inst_` and 26 characters of `[a-z2-7]`, new for every process.
package struct InstanceID: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    init(text: String) {
        self.text = text
    }

    static func random() -> InstanceID { InstanceID(text: "inst_" + Base32.encode(RandomBytes.make(16))) }

    package var description: String { text }
}

/// A process, named so that another one that got its number later is not taken for it.
package struct ProcessIdentity: Hashable, Sendable {
    package var pid: Int32
    /// Clock ticks after boot, from /proc/PID/stat.
    package var startTime: Int64

    package init(pid: Int32, startTime: Int64) {
        self.pid = pid
        self.startTime = startTime
    }
}

/// Who an instance is; pid and start time are for people, only the lock says whether it lives.
package struct InstanceIdentity: Hashable, Sendable {
    package let id: InstanceID
    package let host: String
    package let bootID: String
    package let process: ProcessIdentity
    package let registeredAt: Timestamp
    /// Device and inode of the state directory that it was registered in; nil where that was not written down yet.
    package var directory: String?
}

/// The holder of an instance's lock: as long as this value lives in this process, the instance is alive.
package struct Instance: ~Copyable {
    package let identity: InstanceIdentity
    package let bell: InstanceBell
    private let lock: FileLock
    private let path: String

    fileprivate init(
        identity: InstanceIdentity, bell: consuming InstanceBell, lock: consuming FileLock, path: String
    ) {
        self.identity = identity
        self.bell = bell
        self.lock = lock
        self.path = path
    }

    deinit {
        // Unlinked while still locked: nobody can have opened it to ask and see a lock that is not held.
        unlink(path)
    }
}

extension Store {
    /// Takes a new name and locks its file; the row follows with the first claim, in the same commit.
    package func registerInstance() throws(StoreError) -> Instance {
        let identity = InstanceIdentity(
            id: .random(), host: Host.name(), bootID: try Host.bootID(), process: try Host.thisProcess(),
            registeredAt: .now(), directory: FileIdentity(of: paths.directory)?.text)
        let path = paths.instanceLock(identity.id)
        guard let lock = try FileLock.attempt(path) else {
            throw StoreError(.io, "The new lock file \(path) is already locked.")
        }
        let bell = try InstanceBell.make(paths.instanceBell(identity.id))
        return Instance(identity: identity, bell: bell, lock: lock, path: path)
    }

    /// Whether the process behind `id` still holds its lock. Its pid is never asked: pids are used again.
    package func isAlive(_ id: InstanceID) throws(StoreError) -> Bool {
        try FileLock.isHeld(paths.instanceLock(id))
    }

    /// Every instance that has claimed something and has not been forgotten, oldest first.
    package func instances() throws(StoreError) -> [InstanceIdentity] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM instance ORDER BY number").map(InstanceIdentity.init(row:))
        }
    }

    /// Drops the rows and lock files of instances that are dead and have no unfinished attempt; says how many.
    ///
    /// - Parameter others: instances whose rows went with the tasks that they ran; their files are still there.
    package func forgetDeadInstances(and others: Set<InstanceID> = []) throws(StoreError) -> Int {
        let named = try JSONText.encode(others.union(leftFiles()).map(\.text).sorted())
        let idle = try read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT id FROM (SELECT id FROM instance UNION SELECT value AS id FROM json_each(?)) AS known
                    WHERE NOT EXISTS (SELECT 1 FROM attempt WHERE instance_id = known.id AND ended_at IS NULL)
                        AND NOT EXISTS (SELECT 1 FROM task WHERE owner = known.id AND ended_at IS NULL)
                    """, arguments: [named])
        }
        var dead: [InstanceID] = []
        for id in idle.map(InstanceID.init(text:)) where try !isAlive(id) { dead.append(id) }
        guard !dead.isEmpty else { return 0 }
        try write(.normal) { db in
            for id in dead { try db.execute(sql: "DELETE FROM instance WHERE id = ?", arguments: [id.text]) }
        }
        for id in dead {
            unlink(paths.instanceLock(id))
            unlink(paths.instanceBell(id))
        }
        return dead.count
    }

    /// Instances by their lock files, which stay behind when one is killed before its first row; none that is being made now.
    private func leftFiles() -> [InstanceID] {
        guard let directory = opendir(paths.instances) else { return [] }
        defer { closedir(directory) }
        var found: [InstanceID] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix("inst_"), name.hasSuffix(".lock") else { continue }
            let id = InstanceID(text: String(name.dropLast(".lock".count)))
            var status = stat()
            guard stat(paths.instanceLock(id), &status) == 0, time(nil) - status.st_mtim.tv_sec > 60 else { continue }
            found.append(id)
        }
        return found
    }
}

extension Database {
    func insert(_ instance: InstanceIdentity, role: InstanceRole) throws {
        try execute(
            sql: """
                INSERT INTO instance (id, host, boot_id, pid, start_time, registered_at, directory, role)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO NOTHING
                """,
            arguments: [
                instance.id.text, instance.host, instance.bootID, instance.process.pid, instance.process.startTime,
                instance.registeredAt.milliseconds, instance.directory, role.rawValue,
            ])
    }
}
