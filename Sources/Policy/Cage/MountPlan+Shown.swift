import ShepherdProtocol

/// What the policy and the request show, and what is hidden of it.
extension MountPlan {
    mutating func addGrants(_ denied: Denied) throws(PolicyError) {
        let filesystem = policy.filesystem
        for (key, grants) in [("filesystem.read", filesystem.read), ("filesystem.write", filesystem.write)] {
            for grant in grants {
                guard let path = try resolve(grant, key, denied) else { continue }
                let write = key == "filesystem.write"
                why = key
                bind(path, at: path, write ? [] : .readOnly)
                if write { writable.append(path) } else { readable.append(path) }
            }
        }
    }

    /// The canonical path of a grant; nil for an optional one that is not there.
    private func resolve(_ grant: PathGrant, _ key: String, _ denied: Denied) throws(PolicyError) -> String? {
        func refusal(_ message: String, bound: String) -> PolicyError {
            PolicyError(
                .config, "policy '\(policy.name)': \(key): \(grant.path) \(message)",
                detail: ["key": key, "bound": bound, "found": grant.path])
        }
        guard let literal = HomePath.expand(grant.path, home: host.home), let path = RealPath.resolve(literal) else {
            guard grant.optional else {
                throw refusal("does not exist; make it, or write optional = true", bound: "an existing path")
            }
            return nil
        }
        if let reason = FixedPlaces.conflict(grant: path) { throw refusal(reason, bound: "a path of the host") }
        if let secret = denied.containing(path) {
            throw refusal("lies in \(secret), which filesystem.deny hides", bound: "not denied")
        }
        guard !RealPath.isPath(path, within: request.stateDirectory) else {
            throw refusal("lies in Claudine's own state directory", bound: "outside \(request.stateDirectory)")
        }
        return path
    }

    mutating func addWorkspace() {
        why = "workspace.mode"
        let workspace = request.workspace
        switch policy.workspace.mode {
        case .direct:
            bind(workspace, at: workspace, .ownerMapped)
            writable.append(workspace)
            for (path, isProtected) in ProtectedPaths.find(policy.workspace.protect, in: workspace) {
                // What leads to a protected path is a mount too, so that it cannot be moved away.
                why = "workspace.protect"
                bind(path, at: path, isProtected ? [.readOnly, .ownerMapped] : .ownerMapped)
            }
        case .readonly:
            bind(workspace, at: workspace, [.readOnly, .ownerMapped])
            readable.append(workspace)
        case .scratch:
            tmpfs(workspace, size: policy.workspace.size ?? policy.filesystem.tmp.size)
            writable.append(workspace)
        }
    }

    mutating func addPrograms() throws(PolicyError) {
        why = "the agent's program"
        for program in request.programs {
            let exposing = [request.stateDirectory, request.home] + [host.home].compactMap { $0 }
            guard !exposing.contains(where: { RealPath.isPath($0, within: program) }),
                !RealPath.isPath(program, within: request.stateDirectory),
                FixedPlaces.conflict(grant: program) == nil
            else {
                throw PolicyError(
                    .policy, "the agent's program cannot be shown in the cage: \(program) would show private files too",
                    hint: "install the agent in a directory of its own", detail: ["found": program])
            }
            readable.append(program)
            guard shown(at: program) != program else { continue }
            bind(program, at: program, .readOnly)
        }
    }

    /// Covers what would be seen of the given paths.
    mutating func hide(_ denied: Denied) throws(PolicyError) {
        for path in denied.paths + [request.stateDirectory] where shown(at: path) == path {
            why = denied.entry(of: path).map { "filesystem.deny: \($0)" } ?? "Claudine's own state"
            if let inner = layers.first(where: { $0.target != path && RealPath.isPath($0.target, within: path) }) {
                throw PolicyError(
                    .policy, "policy '\(policy.name)' hides \(path), but \(inner.target) in it is needed",
                    hint: "move it elsewhere, or deny less", detail: ["bound": path, "found": inner.target])
            }
            let step = MountStep(.hide, flags: .optional, target: Bytes(path.utf8))
            add(Layer(step: step, target: path))
        }
    }
}
