import Glibc

/// The paths that a policy hides, on this machine.
struct Denied {
    /// As the kernel sees them, as far as they exist.
    var paths: [String] { places.map(\.path) }
    /// The entry of `filesystem.deny` that hides a path.
    func entry(of path: String) -> String? { places.first { $0.path == path }?.entry }
    private let places: [(path: String, entry: String)]
    private let policyName: String

    init(policy: Policy, host: HostFacts) {
        policyName = policy.name
        places = Self.places(policy.filesystem.deny, home: host.home, hostKeys: host.hostKeys)
    }

    /// The places behind the entries of `filesystem.deny`, each once.
    static func resolved(_ entries: [String], home: String?, hostKeys: [String]) -> [String] {
        places(entries, home: home, hostKeys: hostKeys).map(\.path)
    }

    private static func places(
        _ entries: [String], home: String?, hostKeys: [String]
    ) -> [(path: String, entry: String)] {
        var places: [(path: String, entry: String)] = []
        var found = PathPlaces()
        for entry in entries {
            let literal = HiddenSet.paths(of: entry).compactMap { HomePath.expand($0, home: home) }
            for path in literal + (entry == HiddenSet.secrets.rawValue ? hostKeys : []) {
                let real = found.place(of: path)
                if !places.contains(where: { $0.path == real }) { places.append((real, entry)) }
            }
        }
        return places
    }

    /// The hidden path that a path is or lies in.
    func containing(_ path: String) -> String? { paths.first { RealPath.isPath(path, within: $0) } }

    func check(workspace: String) throws(PolicyError) {
        guard let secret = containing(workspace) else { return }
        throw PolicyError(
            .workspace, "\(workspace) cannot be a workspace: policy '\(policyName)' hides \(secret)",
            hint: "choose a directory outside of it", detail: ["bound": "outside \(secret)", "found": workspace])
    }
}

/// Paths below `~`.
enum HomePath {
    /// The absolute path; nil for one below `~` where there is no home.
    static func expand(_ path: String, home: String?) -> String? {
        guard path == "~" || path.hasPrefix("~/") else { return path }
        return home.map { $0 + path.dropFirst() }
    }
}

/// Places that the cage itself fills.
enum FixedPlaces {
    /// Nothing else can be at these, or above the first two, which need not exist on the host.
    private static let made = [CagePaths.home, CagePaths.runtime]
    private static let kernel = ["/proc", "/sys", "/dev"]
    private static let temporary = [CagePaths.temporary, "/var/tmp"]
    private static let system = [
        "/usr", "/etc", "/opt", "/var", "/bin", "/sbin", "/lib", "/lib64", "/boot", "/home", "/root", "/run",
    ]

    /// Why an extra path cannot be shown, or nil.
    static func conflict(grant path: String) -> String? {
        if made.contains(where: { RealPath.isPath($0, within: path) }) || temporary.contains(path) {
            return "is a place of the cage's own"
        }
        return inKernel(path)
    }

    /// Why a directory cannot be a workspace, or nil.
    static func conflict(workspace path: String) -> String? {
        if (made + kernel + temporary).contains(where: { RealPath.isPath($0, within: path) }) || system.contains(path) {
            return "it is a directory of the system"
        }
        if RealPath.isPath(path, within: CagePaths.runtime) { return "it is a place of the cage's own" }
        return inKernel(path) == nil ? nil : "it is no ordinary directory"
    }

    private static func inKernel(_ path: String) -> String? {
        kernel.contains { RealPath.isPath(path, within: $0) } ? "is the kernel's" : nil
    }
}

/// The protected names that exist in a workspace.
package enum ProtectedPaths {
    /// The workspace's own policy file is always one of them: an agent must not loosen the next task.
    private static func expanded(_ entries: [String]) -> [String] {
        let names = entries.flatMap(ProtectedSet.names)
        return names.contains(WorkspaceFile.name) ? names : names + [WorkspaceFile.name]
    }

    /// Names that cannot be made read-only: they do not exist yet, or a symbolic link leads to them.
    package static func unguarded(_ entries: [String], in workspace: String) -> [String] {
        expanded(entries).filter { RealPath.resolve("\(workspace)/\($0)") != "\(workspace)/\($0)" }
    }

    /// Paths to be read-only (`true`), each after the directories that lead to it (`false`).
    ///
    /// A name that is a symbolic link, or is reached through one, is left out: mounting would follow it out of the workspace.
    static func find(_ entries: [String], in workspace: String) -> [(path: String, isProtected: Bool)] {
        var found: [(path: String, isProtected: Bool)] = []
        for name in expanded(entries) {
            let path = workspace + "/" + name
            guard RealPath.resolve(path) == path else { continue }
            var leading = workspace
            for component in name.split(separator: "/").dropLast() {
                leading += "/" + component
                guard !found.contains(where: { $0.path == leading }) else { continue }
                found.append((leading, false))
            }
            found.removeAll { $0.path == path }
            found.append((path, true))
        }
        return found
    }
}
