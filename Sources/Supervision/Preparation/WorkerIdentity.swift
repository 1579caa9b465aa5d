import CCage
import Glibc
import Store

/// Who the worker is on the host: never uid 0.
struct WorkerIdentity: Equatable {
    let uid: UInt32
    let gid: UInt32

    /// First of the uids that a root Claudine gives to workers; far above accounts and the usual ranges of /etc/subuid.
    private static let base: UInt32 = 0x7000_0000

    /// The caller, or for root the workspace's owner, or where that is root as well a uid of the task's own: files then
    /// keep their owner on disk by an idmapped mount.
    static func of(task: TaskID, workspace: String) -> WorkerIdentity {
        guard geteuid() == 0 else { return WorkerIdentity(uid: geteuid(), gid: getegid()) }
        var status = stat()
        if stat(workspace, &status) == 0, status.st_uid != 0, status.st_gid != 0 {
            return WorkerIdentity(uid: status.st_uid, gid: status.st_gid)
        }
        // The id is random; its characters are as good as a hash.
        let number = task.text.utf8.reduce(UInt32(0)) { ($0 &* 31 &+ UInt32($1)) % (1 << 20) }
        return WorkerIdentity(uid: base + number, gid: base + number)
    }
}
