import GRDB

extension Store {
    /// Throws `store.corrupt` when the database's pages do not fit together.
    ///
    /// A daemon asks this before it relies on them, and is not to be kept from its work for long: of a database above
    /// `quicklyChecked` only the small tables are looked through. The rest is checked where it is read, and by `checkThoroughly`.
    package func quickCheck() throws(StoreError) {
        try check { db in
            let pages = try Int64.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            let size = try Int64.fetchOne(db, sql: "PRAGMA page_size") ?? 0
            guard pages * size > Self.quicklyChecked else { return ["PRAGMA quick_check(1)"] }
            return ["instance", "dependency"].map { "PRAGMA quick_check(\($0))" }
        }
    }

    /// The same of every page, row and index: some seconds for each gigabyte.
    package func checkThoroughly() throws(StoreError) {
        try check { _ in ["PRAGMA integrity_check(1)"] }
    }

    /// 16 MiB, which take some 100 ms: about as long as the rest of a daemon's start.
    private static let quicklyChecked: Int64 = 16 << 20

    private func check(_ questions: (Database) throws -> [String]) throws(StoreError) {
        let findings = try read { db in
            try questions(db).map { try String.fetchOne(db, sql: $0) ?? "it cannot be checked" }
        }
        guard let finding = findings.first(where: { $0 != "ok" }) else { return }
        throw StoreError(
            .corrupt, "The database \(paths.database) is damaged: \(finding).", hint: StoreError.moveAway)
    }
}
