extension Specification {
    /// One line a task, as the database has to show it.
    var lines: [String] {
        tasks.sorted { $0.key < $1.key }.map { id, task in
            let last = task.attempts.count - 1
            let attempts = task.attempts.enumerated().map { number, attempt in
                let state = attempt.isOver ? "ended" : number == last ? task.life.attemptState ?? "ended" : "ended"
                return "\(state),\(attempt.isCounted ? 1 : 0),\(attempt.ignored),\(attempt.isStuck ? 1 : 0)"
            }
            let stop = task.stop ?? "-"
            return
                "\(id) \(task.state) \(stop) \(task.force ? 1 : 0) \(task.isUnwanted ? 1 : 0) [\(attempts.joined(separator: " "))]"
        }
    }
}
