package import Policy
package import Store

/// Forgets tasks that have been over for long enough: rows and files, never of what runs, and never a home that somebody still
/// works in.
package enum Retention {
    private static let page = 200

    /// - Returns: how many were removed.
    package static func sweep(_ store: Store, olderThan age: TimeSpan) throws(StoreError) -> Int {
        let limit = Timestamp(milliseconds: Timestamp.now().milliseconds - Int64(clamping: age.milliseconds))
        var removed = 0
        var last: Int64 = 0
        while true {
            let tasks = try store.ended(before: limit, after: last, limit: page)
            guard let end = tasks.last else { return removed }
            last = end.number
            for task in tasks where try store.tasks(inHomeOf: task.id).isEmpty {
                // Files first: what is left after a crash here is a record that can be removed again.
                try TaskFiles.remove(task.id, store.paths)
                if try store.remove(task.id) == .removed { removed += 1 }
            }
        }
    }
}
