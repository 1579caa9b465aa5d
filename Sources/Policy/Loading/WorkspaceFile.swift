import Foundation

/// The file by which a workspace tightens the policy of every task in it.
///
/// It has the keys of a policy, all of them optional. Whoever wrote the workspace wrote the file, so it can only make
/// things stricter: what hides, protects, requires or denies is added to the policy's own, every other value has to be at
/// least as strict as the policy's, and one that is not refuses the task.
package enum WorkspaceFile {
    /// In the root of the workspace.
    package static let name = ".claudine.toml"

    /// A policy with what a workspace's file made stricter.
    package struct Tightened: Equatable, Sendable {
        package var policy: Policy
        package var file: String
        package var changes: [Change]
    }

    package struct Change: Equatable, Sendable {
        package var key: String
        /// As a policy file would have them.
        package var before: String
        package var after: String
    }

    /// - Parameter workspace: canonical.
    /// - Returns: nil where the workspace has no such file.
    /// - Throws: `refused.ceiling` for a value that is looser, `refused.config` for a file that is not understood; both with
    ///   file, line, key, bound and what was found.
    package static func tighten(
        _ policy: Policy, in workspace: String, host facts: @autoclosure () -> HostFacts
    ) throws(PolicyError) -> Tightened? {
        let file = "\(workspace)/\(name)"
        guard let text = try read(file) else { return nil }
        let host = facts()
        let source = try PolicySource(file: file, text: text)
        try PolicyKeys.check(source, besides: ["schema"])
        let root = PolicyTable(source)
        if root.has("schema") { _ = try root.integer("schema", in: PolicyLoader.schema...PolicyLoader.schema) }
        // Nothing is extended: the policy itself is the base.
        let loader = PolicyLoader(paths: PathText(home: host.home), adding: true) { _ in policy }
        var result = try loader.read(root, name: policy.name, description: policy.description, base: policy)
        // Without a way to the model there is nothing to use a key for.
        if result.network.mode == .none, !source.says("credentials.api") { result.credentials.api = .none }

        let comparison = PolicyOrder(host: host).comparison(result, policy).filter { $0.strictness != .equal }
        func change(_ field: PolicyField) -> Change {
            Change(key: field.key, before: field.text(policy), after: field.text(result))
        }
        // Some fields follow from others: what the file says comes first.
        let loosened = comparison.filter { $0.strictness != .stricter }.map(\.field)
        if let field = loosened.first(where: { source.says($0.key) }) ?? loosened.first {
            throw looser(change(field), field, policy, source)
        }
        let changes = comparison.map { change($0.field) }
        try PolicyConsistency(source: source, policy: result).check()
        return Tightened(policy: result, file: file, changes: changes)
    }

    private static func looser(
        _ change: Change, _ field: PolicyField, _ policy: Policy, _ source: PolicySource
    ) -> PolicyError {
        var error = source.failure(
            change.key, "\(change.after) is not at least as strict as policy '\(policy.name)' (\(change.before))",
            bound: change.before, found: change.after,
            hint: "a workspace can only tighten (stricter: \(field.stricter)); choose another policy with --policy")
        error.code = .ceiling
        error.detail["field"] = change.key
        return error
    }

    /// O_PATH (asm-generic/fcntl.h), which Glibc's module hides: x86-64 and aarch64.
    private static let pathOnly: Int32 = 0o10_000_000

    /// Nil where there is no file. Never waits, whatever was put there, and follows no link.
    private static func read(_ path: String) throws(PolicyError) -> String? {
        func failure(_ verb: String, _ code: Int32) -> PolicyError {
            let reason = code == ELOOP ? "it is a symbolic link" : String(cString: strerror(code))
            return TrustedFile.refusal(
                path, "cannot be \(verb): \(reason)", bound: "a regular file", found: reason,
                hint: "a task does not run without the file that is there to tighten it")
        }
        // Looked at before it is opened, for opening a device can do things.
        let place = open(path, pathOnly | O_NOFOLLOW | O_CLOEXEC)
        guard place >= 0 else {
            let code = errno
            guard code != ENOENT else { return nil }
            throw failure("opened", code)
        }
        defer { close(place) }
        var status = stat()
        if fstat(place, &status) == 0, status.st_mode & S_IFMT == S_IFLNK { throw failure("opened", ELOOP) }
        _ = try TrustedFile.checkKind(path, place)
        let descriptor = open("/proc/self/fd/\(place)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("opened", errno) }
        defer { close(descriptor) }
        return try TrustedFile.text(TrustedFile.contents(of: descriptor, path), of: path)
    }
}
