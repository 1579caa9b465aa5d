import GRDB

package enum FindResult: Equatable, Sendable {
    case unique(TaskID)
    /// Some of those that fit, at most ten.
    case ambiguous([TaskID])
    case none
}

extension Store {
    /// The task that `text` names: a whole id or the beginning of one, with or without `task_`.
    package func find(_ text: String) throws(StoreError) -> FindResult {
        let prefix = text.hasPrefix(TaskID.prefix) ? text : TaskID.prefix + text
        let tail = prefix.utf8.dropFirst(TaskID.prefix.utf8.count)
        guard !text.isEmpty, tail.count <= Base32.encodedLength, tail.allSatisfy(Base32.alphabet.contains) else {
            return .none
        }
        let found = try read { db in
            // `~` sorts after every character an id may have.
            try String.fetchAll(
                db, sql: "SELECT id FROM task WHERE id >= ? AND id < ? ORDER BY id LIMIT 10",
                arguments: [prefix, prefix + "~"])
        }.compactMap(TaskID.init)
        return switch found.count {
        case 0: .none
        case 1: .unique(found[0])
        default: .ambiguous(found)
        }
    }
}
