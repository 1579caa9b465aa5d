import Glibc
import Policy
import Store

/// Protected names of a workspace that could not be made read-only, because they did not exist or because a symbolic link led
/// to them: how they were before the run, so that it can be said afterwards what became of them.
struct ProtectedNamesWatch: Sendable {
    private struct Look: Equatable {
        var inode: UInt64
        var changed: timespec

        static func == (left: Look, right: Look) -> Bool {
            left.inode == right.inode && left.changed.tv_sec == right.changed.tv_sec
                && left.changed.tv_nsec == right.changed.tv_nsec
        }
    }

    private let workspace: String
    private let before: [(name: String, look: Look?)]

    /// - Parameter names: relative to the workspace.
    init(_ names: [String], in workspace: String) {
        self.workspace = workspace
        before = names.map { ($0, Self.look("\(workspace)/\($0)")) }
    }

    /// Names that have appeared, or that are not what they were.
    var changes: [Violation] {
        before.compactMap { name, look in
            let now = Self.look("\(workspace)/\(name)")
            return now == nil || now == look ? nil : Violation(.workspace, name)
        }
    }

    /// The link itself, not what it leads to.
    private static func look(_ path: String) -> Look? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return Look(inode: UInt64(status.st_ino), changed: status.st_ctim)
    }
}
