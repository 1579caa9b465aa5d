import GRDB

extension Database {
    /// Gives a task its final state, and settles at once what waits for it, and what waits for that: however long the chain, it is
    /// one transaction, in which no task is seen to wait for something that is over (R32).
    func endTask(_ id: TaskID, _ ending: Ending, at moment: Moment) throws {
        var waitingFor = [(id, ending.state)]
        try writeEnd(id, ending, at: moment)
        while let (ended, state) = waitingFor.popLast() {
            for dependent in try dependents(of: ended) {
                if state == .succeeded || dependent.acceptsAnyEnd {
                    guard try openDependencies(of: dependent.id) == 0 else { continue }
                    _ = try take(.unblock, dependent.id, at: moment, ending: .succeeded)
                } else {
                    // The event `forsake`, without the recursion that a chain of a thousand would be.
                    let forsaken = Ending(.dependency(ended, state))
                    try writeEnd(dependent.id, forsaken, at: moment)
                    waitingFor.append((dependent.id, forsaken.state))
                }
            }
        }
    }

    private func writeEnd(_ id: TaskID, _ ending: Ending, at moment: Moment) throws {
        try execute(
            sql: "UPDATE task SET state = ?, reason_json = ?, ended_at = ? WHERE id = ? AND ended_at IS NULL",
            arguments: [
                ending.state.rawValue, try ending.reason.map { try JSONText.encode($0) }, moment.wall.milliseconds,
                id.text,
            ])
        guard changesCount == 1 else { throw StoreError(.corrupt, "The task \(id) has ended twice.") }
        var data: [String: JSONValue] = ["state": .string(ending.state.rawValue)]
        data["reason"] = ending.reason?.json
        try log(.taskEnded, id, at: moment, .object(data))
    }

    private func dependents(of id: TaskID) throws -> [(id: TaskID, acceptsAnyEnd: Bool)] {
        try Row.fetchAll(
            self,
            sql: """
                SELECT task.id, dependency.any_end FROM dependency JOIN task ON task.number = dependency.task
                WHERE dependency.needs = (SELECT number FROM task WHERE id = ?) AND task.state = 'blocked'
                ORDER BY task.number
                """, arguments: [id.text]
        ).compactMap { row in
            guard let id = TaskID(try row.decode(forColumn: "id")) else { return nil }
            return (id, try row.decode(forColumn: "any_end"))
        }
    }

    /// How many of the tasks that `id` waits for have not ended, or not well enough: in one cascade several may have ended already
    /// when the first is looked at.
    func openDependencies(of id: TaskID) throws -> Int {
        try Int.fetchOne(
            self,
            sql: """
                SELECT count(*) FROM dependency JOIN task AS needed ON needed.number = dependency.needs
                WHERE dependency.task = (SELECT number FROM task WHERE id = ?)
                    AND (needed.ended_at IS NULL OR NOT dependency.any_end AND needed.state <> 'succeeded')
                """, arguments: [id.text]) ?? 0
    }
}

extension Reason {
    /// A task it waits for has ended otherwise than well.
    static func dependency(_ id: TaskID, _ state: TaskState) -> Reason {
        Reason(
            .cancelledDependency, "It was to run after \(id), which ended as \(state.rawValue).",
            detail: ["taskId": .string(id.text), "state": .string(state.rawValue)])
    }
}
