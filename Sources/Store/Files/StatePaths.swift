import Glibc

/// Every path below the state directory.
package struct StatePaths: Hashable, Sendable {
    /// Absolute.
    package let directory: String

    package init(directory: String) {
        self.directory = directory
    }

    package var database: String { "\(directory)/claudine.db" }
    package var doorbell: String { "\(directory)/doorbell" }
    /// Held while a database is made or migrated.
    package var migrationLock: String { "\(directory)/migration.lock" }
    /// Held by the one daemon of this state directory.
    package var daemonLock: String { "\(directory)/lock" }
    /// What a daemon that was started on demand has to say.
    package var serveLog: String { "\(directory)/serve.log" }
    package var instances: String { "\(directory)/instances" }
    package var attempts: String { "\(directory)/attempts" }

    package func instanceLock(_ id: InstanceID) -> String { "\(instances)/\(id.text).lock" }
    package func instanceBell(_ id: InstanceID) -> String { "\(instances)/\(id.text).bell" }
    /// Everything of one task: its private home and a directory for each attempt.
    package func task(_ id: TaskID) -> String { "\(attempts)/\(id.text)" }
    package func home(_ id: TaskID) -> String { "\(task(id))/home" }
    package func attempt(_ id: TaskID, _ number: Int) -> String { "\(task(id))/\(number)" }
}

extension StatePaths {
    /// The state directory of this user: `option`, else `CLAUDINE_STATE_DIR`, else `$XDG_STATE_HOME/claudine`, else
    /// `~/.local/state/claudine`; a relative `option` or `CLAUDINE_STATE_DIR` is taken from the current directory. Symlinks on the way are
    /// followed here, because a cage is built from names that have none.
    package static func locate(option: String?, environment: [String: String]) throws(StoreError) -> StatePaths {
        StatePaths(directory: withoutLinks(try named(option, environment)))
    }

    private static func named(_ option: String?, _ environment: [String: String]) throws(StoreError) -> String {
        if let given = option ?? environment["CLAUDINE_STATE_DIR"] {
            guard !given.isEmpty else {
                throw StoreError(.directory, "The state directory is given as an empty name.")
            }
            return try absolute(given)
        }
        // The XDG specification: a relative path is invalid and to be ignored.
        if let base = environment["XDG_STATE_HOME"], base.hasPrefix("/") {
            return withoutTrailingSlashes(base) + "/claudine"
        }
        guard let home = environment["HOME"], home.hasPrefix("/") else {
            throw StoreError(
                .directory, "There is no home directory to keep the state in: HOME is not set.",
                hint: "Set CLAUDINE_STATE_DIR or give --state-dir.")
        }
        return withoutTrailingSlashes(home) + "/.local/state/claudine"
    }

    private static func absolute(_ path: String) throws(StoreError) -> String {
        if path.hasPrefix("/") { return withoutTrailingSlashes(path) }
        guard let current = getcwd(nil, 0) else {
            throw StoreError(.directory, "The current directory, which \(path) starts from, does not exist.")
        }
        defer { free(current) }
        return withoutTrailingSlashes(String(cString: current) + "/" + path)
    }

    /// Where a path leads as far as it exists, and the rest of it as it is written.
    private static func withoutLinks(_ path: String) -> String {
        if let resolved = realpath(path, nil) {
            defer { free(resolved) }
            return withoutTrailingSlashes(String(validatingCString: resolved) ?? path)
        }
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return path }
        return withoutLinks(String(path[..<slash])) + path[slash...]
    }

    private static func withoutTrailingSlashes(_ path: String) -> String {
        var path = path[...]
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path == "/" ? "" : String(path)
    }
}
