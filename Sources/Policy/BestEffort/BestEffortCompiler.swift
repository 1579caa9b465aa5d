import Glibc
package import ShepherdProtocol

/// The weaker order for a machine without user namespaces: no namespaces, no mounts; Landlock is the wall for files, the
/// system call filter the wall for the network, the shepherd's own looking keeps the processes together.
package struct BestEffortCompiler: Sendable {
    /// Where compiled filters are kept; nil builds each time.
    package var cache: SeccompCache?

    package init(cache: SeccompCache? = nil) { self.cache = cache }

    /// Below ABI 3, truncate(2) is free: every file of the caller's could be emptied.
    private static let leastABI = 3

    /// The order, and the layers that the policy asks for and does not get.
    ///
    /// Throws `refused.policy` where the policy does not allow the level or nothing would hold the files.
    package func compile(
        _ policy: Policy, for request: CageRequest, host: HostFacts, places: BestEffortPlaces, missing: MissingLayers
    ) throws(PolicyError) -> (order: CageOrder, degraded: [String]) {
        for layer in Self.given where policy.refuses(layer) { throw missing.refusal(of: layer, by: policy) }
        guard geteuid() != 0 else {
            throw .missing(
                .userNamespace, errno: missing.errno(of: .userNamespace),
                "root cannot be held without user namespaces: the worker would be root of this machine",
                fix: "run claudine as an ordinary user, or allow user namespaces")
        }
        let hasFileWall = host.landlockABI >= max(Self.leastABI, policy.landlock.minAbi)
        if !hasFileWall {
            guard !policy.refuses(.landlock) else { throw missing.refusal(of: .landlock, by: policy) }
            guard policy.filesystem.root == .hostReadWrite else {
                throw .missing(
                    .landlock, errno: missing.errno(of: .landlock),
                    "neither a mount namespace nor Landlock is to be had, and nothing else holds the files that policy "
                        + "'\(policy.name)' hides",
                    fix: missing.fix(of: .userNamespace))
            }
        }
        var order = CageOrder()
        order.uid = request.workerUid
        order.gid = request.workerGid
        order.listeners = try listeners(policy, request, places)
        order.rlimits = ResourceLimits.limits(of: policy, host: host).map { UserTasks.countedIn($0, host: host) }
        order.oomScoreAdjust = Int32(policy.process.oomScoreAdj)
        order.nice = Int32(policy.process.nice)
        if hasFileWall { order.landlock = try landlock(policy, request, host, places) }
        order.seccomp = OwnProcessOnly.filter(
            before: try UnixSocketsOnly.filter(of: policy, nested: false, in: cache), of: policy)

        var degraded = Self.given.filter { !($0 == .networkNamespace && policy.network.mode == .open) }.map(
            \.recordName)
        degraded.append(Layer.processCap.recordName)
        if !hasFileWall { degraded.append(Layer.landlock.recordName) }
        if policy.workspace.mode == .direct,
            !ProtectedPaths.find(policy.workspace.protect, in: request.workspace).isEmpty
        {
            degraded.append("protectedNames")
        }
        return (order, degraded)
    }

    /// What this level does without.
    private static let given: [Layer] = [
        .userNamespace, .pidNamespace, .mountNamespace, .networkNamespace, .ipcNamespace, .utsNamespace,
        .cgroupNamespace,
    ]

    private func listeners(
        _ policy: Policy, _ request: CageRequest, _ places: BestEffortPlaces
    ) throws(PolicyError) -> [ListenerStep] {
        guard request.gateway, policy.credentials.api == .gateway else { return [] }
        guard places.socket.utf8.count <= BestEffortPlaces.longestSocket else {
            throw PolicyError(
                .config, "the path of the gateway's socket is too long: \(places.socket)",
                hint: "set CLAUDINE_STATE_DIR to a shorter path",
                detail: ["bound": "\(BestEffortPlaces.longestSocket)", "found": "\(places.socket.utf8.count)"])
        }
        return [ListenerStep(.unix, path: Bytes(places.socket.utf8))]
    }

    private func landlock(
        _ policy: Policy, _ request: CageRequest, _ host: HostFacts, _ places: BestEffortPlaces
    ) throws(PolicyError) -> LandlockOrder {
        var order = LandlockOrder()
        let known = LandlockRights.files(abi: host.landlockABI)
        order.handledFiles = known
        order.rules = try VisibleFiles(policy: policy, request: request, host: host, places: places).rules
            .map { LandlockRule(path: Bytes($0.path.utf8), rights: $0.rights & known) }
        order.scoped = host.landlockABI >= 6 ? LandlockRights.scopes : 0
        // A second wall behind the filter, which knows no sockets but unix ones.
        if policy.network.mode != .open, host.landlockABI >= 4 { order.handledNetwork = LandlockRights.tcp }
        return order
    }
}
