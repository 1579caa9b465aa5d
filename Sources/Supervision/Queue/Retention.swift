import CCage
import Glibc
package import Policy
package import Store

/// Forgets tasks that have been over for long enough: rows and files, never of what runs, and never a home that somebody still
/// works in.
package enum Retention {
    /// What one go has done.
    package struct Sweep: Sendable {
        package var removed = 0
        /// Tasks whose files cannot be removed; the next sweep tries again.
        package var failed = 0
        /// There may be others.
        package var isMore = false
    }

    /// Tasks in one go.
    private static let page = 50
    /// Seconds after which a directory without a row belongs to a request that came to nothing.
    private static let oldStranger: time_t = 3600

    package static func sweep(_ store: Store, olderThan age: TimeSpan) throws(StoreError) -> Sweep {
        let limit = Timestamp(milliseconds: Timestamp.now().milliseconds - Int64(clamping: age.milliseconds))
        var sweep = Sweep()
        var last: Int64 = 0
        repeat {
            let tasks = try store.ended(before: limit, after: last, limit: page)
            guard let end = tasks.last else { return sweep }
            last = end.number
            for task in tasks where try store.tasks(inHomeOf: task.id).isEmpty {
                do throws(StoreError) {
                    // Files first: what is left after a crash here is a record that can be removed again.
                    try TaskFiles.remove(task.id, store.paths)
                    if try store.remove(task.id) == .removed { sweep.removed += 1 }
                } catch {
                    guard error.mayPass else { throw error }
                    sweep.failed += 1
                }
            }
        } while sweep.removed == 0
        sweep.isMore = true
        return sweep
    }

    /// Removes directories of tasks that there are no rows of: a request was interrupted between its files and its row.
    ///
    /// - Returns: how many of them cannot be removed.
    package static func removeStrangers(_ store: Store) throws(StoreError) -> Int {
        guard let directory = opendir(store.paths.attempts) else { return 0 }
        defer { closedir(directory) }
        var failed = 0
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let id = TaskID(name) else { continue }
            var status = stat()
            // What is no directory is none of ours, whatever its name.
            guard lstat(store.paths.task(id), &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
                status.st_mtim.tv_sec < time(nil) - oldStranger, try store.record(id) == nil
            else { continue }
            do throws(StoreError) {
                try TaskFiles.remove(id, store.paths)
            } catch {
                guard error.mayPass else { throw error }
                failed += 1
            }
        }
        return failed
    }
}
