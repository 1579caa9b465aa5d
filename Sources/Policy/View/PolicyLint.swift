/// Something in a valid policy that its author may not have meant.
package struct PolicyLint: Sendable, Equatable, Encodable {
    package var key: String
    package var message: String

    /// - Parameter searched: the directories of the caller's PATH.
    package static func findings(
        _ policy: Policy, host: HostFacts, searched: [String], view: CageView?
    ) -> [PolicyLint] {
        let effective = PolicyOrder(host: host).effective(policy)
        var lints = limits(policy)
        lints += writes(effective, host: host, searched: searched)
        lints += sockets(effective)
        if let view { lints += secrets(policy, host: host, view: view) }
        let dangerous = policy.syscalls.allow.filter(SyscallSets.dangerous.contains)
        if !dangerous.isEmpty {
            lints.append(
                PolicyLint("syscalls.allow", "lets through what attacks on the kernel use: \(list(dangerous))"))
        }
        return lints
    }

    private init(_ key: String, _ message: String) {
        self.key = key
        self.message = message
    }

    private static func limits(_ policy: Policy) -> [PolicyLint] {
        var lints: [PolicyLint] = []
        let (process, limits, files) = (policy.process, policy.limits, policy.filesystem)
        if limits.processes < 301 {
            lints.append(
                PolicyLint(
                    "limits.processes",
                    "kernel.pid_max cannot be below 301 (RESERVED_PIDS); RLIMIT_NPROC and pids.max hold \(limits.processes)"
                ))
        }
        if process.idleTime > process.wallTime, process.idleTime != .unlimited {
            lints.append(PolicyLint("process.idle_time", "is never reached: process.wall_time is \(process.wallTime)"))
        }
        let inMemory =
            [files.tmp.size, files.tmp.size, files.shm] + [files.home.size, policy.workspace.size].compactMap { $0 }
        let sum = inMemory.reduce(0) { $0 &+ $1.bytes }
        if let memory = limits.memory.value, sum > memory.bytes {
            lints.append(
                PolicyLint(
                    "filesystem.tmp",
                    "what is kept in memory may grow to \(ByteSize(bytes: sum)) and counts as such: limits.memory is \(memory)"
                ))
        }
        let kept = 2 * (limits.output.head.bytes + limits.output.tail.bytes)
        if let limit = limits.output.limit.value, kept > limit.bytes {
            lints.append(
                PolicyLint(
                    "limits.output.limit", "is reached before \(ByteSize(bytes: kept)) of head and tail are full"))
        }
        return lints
    }

    /// Files by which a later shell or login of the caller's runs something.
    private static let startFiles = [
        ".bashrc", ".bash_profile", ".bash_login", ".profile", ".zshrc", ".zshenv", ".zprofile", ".config/fish",
        ".config/autostart", ".config/systemd", ".local/bin", ".gitconfig", ".config/git",
    ]

    private static func writes(_ policy: Policy, host: HostFacts, searched: [String]) -> [PolicyLint] {
        let starting = host.home.map { home in startFiles.map { "\(home)/\($0)" } } ?? []
        let absolute = (searched + policy.environment.path).filter { $0.hasPrefix("/") }
        let directories = Set(PathPlaces.places(of: absolute)).sorted()
        return policy.filesystem.write.flatMap { grant in
            var lints: [PolicyLint] = []
            func meet(_ place: String) -> Bool {
                RealPath.isPath(place, within: grant.path) || RealPath.isPath(grant.path, within: place)
            }
            let programs = directories.filter(meet)
            if !programs.isEmpty {
                lints.append(
                    PolicyLint(
                        "filesystem.write", "\(grant.path) holds programs that others run from PATH: \(list(programs))")
                )
            }
            let files = starting.filter(meet)
            if !files.isEmpty {
                lints.append(
                    PolicyLint("filesystem.write", "\(grant.path) holds what your next shell runs: \(list(files))"))
            }
            let absent = policy.filesystem.deny.filter {
                RealPath.isPath($0, within: grant.path) && RealPath.resolve($0) == nil
            }
            if !absent.isEmpty {
                lints.append(
                    PolicyLint(
                        "filesystem.deny",
                        "what does not exist cannot be covered, and can be made in \(grant.path): \(list(absent))"))
            }
            return lints
        }
    }

    /// Whoever reaches one of these is root outside.
    private static let containerSockets = [
        "/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock",
        "/run/crio/crio.sock",
    ]

    private static func sockets(_ policy: Policy) -> [PolicyLint] {
        let places = Set(PathPlaces.places(of: containerSockets)).sorted()
        return [("filesystem.read", policy.filesystem.read), ("filesystem.write", policy.filesystem.write)].flatMap {
            key, grants in
            grants.compactMap { grant in
                let reached = places.filter { socket in
                    RealPath.isPath(socket, within: grant.path)
                        && !policy.filesystem.deny.contains { RealPath.isPath(socket, within: $0) }
                }
                return reached.isEmpty
                    ? nil
                    : PolicyLint(
                        key,
                        "\(grant.path) leads to a container engine's socket, and with it out of the cage: \(list(reached))"
                    )
            }
        }
    }

    /// With a way out, what can be read can be sent.
    private static func secrets(_ policy: Policy, host: HostFacts, view: CageView) -> [PolicyLint] {
        guard policy.network.mode == .open else { return [] }
        let places = Denied.resolved([HiddenSet.secrets.rawValue], home: host.home, hostKeys: host.hostKeys)
        let seen = places.filter { view.access(at: $0) != nil && RealPath.resolve($0) != nil }
        guard !seen.isEmpty else { return [] }
        return [PolicyLint("network.mode", "is \"open\", and these can be read and sent: \(list(seen))")]
    }

    private static func list(_ items: [String]) -> String {
        items.prefix(4).joined(separator: ", ") + (items.count > 4 ? " and \(items.count - 4) more" : "")
    }
}

extension CageView {
    /// How the host's file at a path is seen in its own place; nil where it is not.
    func access(at path: String) -> Mount.Access? {
        let covering = mounts.filter { RealPath.isPath(path, within: $0.path) }
        guard let mount = covering.max(by: { $0.path.utf8.count < $1.path.utf8.count }), mount.shows == mount.path
        else { return nil }
        return mount.access
    }
}
