import GRDB
import Testing

@testable import Store

extension Store {
    /// Every row of every table, to be compared before and after.
    func everything() throws -> [String: [String]] {
        try read { db in
            let tables = try String.fetchAll(db, sql: "SELECT name FROM sqlite_schema WHERE type = 'table'")
            return try tables.reduce(into: [:]) { rows, table in
                rows[table] = try Row.fetchAll(db, sql: "SELECT * FROM \(table)").map(\.description)
            }
        }
    }

    func execute(_ sql: String, _ arguments: StatementArguments = []) throws {
        try write(.normal) { db in try db.execute(sql: sql, arguments: arguments) }
    }
}

/// `work` is refused with `code`, and not a row has changed.
func expectRefused(
    _ code: StoreError.Code, by store: Store, sourceLocation: SourceLocation = #_sourceLocation,
    _ work: () throws -> some Any
) throws {
    let before = try store.everything()
    let error = #expect(throws: StoreError.self, sourceLocation: sourceLocation) { _ = try work() }
    #expect(error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
    #expect(try store.everything() == before, sourceLocation: sourceLocation)
}
