import Foundation

/// Whether a directory may be an agent's workspace.
package enum WorkspaceCheck {
    /// Whether a canonical path is one of the directories `roots`, canonical as well, or lies in one.
    package static func isWithin(_ path: String, roots: [String]) -> Bool {
        roots.contains { RealPath.isPath(path, within: $0) }
    }

    /// Where a directory is that is to be a root of workspaces; nil when there is none.
    package static func root(_ path: String) -> String? { RealPath.resolve(path) }

    /// The canonical path; throws `refused.workspace`, or `refused.config` for a path that cannot be one.
    ///
    /// - Parameters:
    ///   - path: as the caller gave it, absolute or from the current directory.
    ///   - home: the caller's home; nil where there is none.
    ///   - stateDirectory: Claudine's own; need not exist yet.
    package static func canonical(
        _ path: String, home: String?, stateDirectory: String
    ) throws(PolicyError) -> String {
        func refusal(_ reason: String, hint: String? = nil, found: String) -> PolicyError {
            PolicyError(
                .workspace, "'\(path)' cannot be a workspace: \(reason)", hint: hint,
                detail: ["found": found, "given": path])
        }
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw refusal("it is empty or holds a NUL character", found: "")
        }
        errno = 0
        guard let resolved = RealPath.resolve(path) else {
            let code = errno
            guard code != 0 else { throw refusal("where it leads is not UTF-8", found: path) }
            let reason = code == ENOENT ? "it does not exist" : String(cString: strerror(code))
            throw refusal(reason, hint: code == ENOENT ? "make the directory first" : nil, found: path)
        }
        var status = stat()
        guard stat(resolved, &status) == 0 else {
            throw refusal(String(cString: strerror(errno)), found: resolved)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw refusal("it is not a directory", found: resolved) }

        let own = "choose the directory of one project"
        guard resolved != "/" else { throw refusal("it is the whole file system", hint: own, found: resolved) }
        if let home = home.flatMap(RealPath.resolve), resolved == home {
            throw refusal("it is your home directory", hint: own, found: resolved)
        }
        let state = RealPath.resolve(stateDirectory) ?? stateDirectory
        guard !RealPath.isPath(resolved, within: state) else {
            throw refusal("it lies in Claudine's state directory \(state)", hint: own, found: resolved)
        }
        guard !RealPath.isPath(state, within: resolved) else {
            throw refusal(
                "Claudine's state directory \(state) lies in it", hint: "\(own), or set CLAUDINE_STATE_DIR",
                found: resolved)
        }
        if let reason = FixedPlaces.conflict(workspace: resolved) {
            throw refusal(reason, hint: own, found: resolved)
        }
        return resolved
    }
}
