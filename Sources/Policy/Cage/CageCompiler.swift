package import ShepherdProtocol

/// Resolves a policy for one attempt into the flat list of steps that the shepherd does.
package struct CageCompiler: Sendable {
    /// Where compiled filters are kept; nil builds each time.
    package var cache: SeccompCache?

    package init(cache: SeccompCache? = nil) { self.cache = cache }

    /// The cage order; `cgroup` is left empty, for it is the supervisor that makes one.
    ///
    /// Throws `refused.policy` where a mechanism the policy requires is missing or where its paths contradict the request.
    ///
    /// - Parameter missing: what this machine was found not to give; none of it a foundation of the cage.
    package func compile(
        _ policy: Policy, for request: CageRequest, host: HostFacts, missing: MissingLayers = MissingLayers()
    ) throws(PolicyError) -> CageOrder {
        for layer in missing.layers where policy.refuses(layer) { throw missing.refusal(of: layer, by: policy) }
        guard request.workerUid != 0, request.workerGid != 0 else {
            throw .missing(
                .userNamespace, errno: 0, "the worker would run as uid or gid 0 of this machine",
                fix: "choose another uid for the worker")
        }
        let plan = try MountPlan(policy: policy, request: request, host: host)
        var order = CageOrder()
        order.namespaces = Self.namespaces(policy) & ~missing.namespaces
        order.uid = request.workerUid
        order.gid = request.workerGid
        order.hostname = Bytes(request.hostname.utf8)
        order.pidMax = UInt32(max(policy.limits.processes, Self.leastPidMax))
        order.nesting = policy.process.nestedSandbox
        order.mounts = plan.steps
        let hasNetwork = policy.network.mode != .open && missing[.networkNamespace] == nil
        order.listeners = Self.listeners(policy, request).filter { hasNetwork || $0.kind == .unix }
        order.rlimits = ResourceLimits.limits(of: policy, host: host)
        order.oomScoreAdjust = Int32(policy.process.oomScoreAdj)
        order.nice = Int32(policy.process.nice)
        order.landlock = try LandlockCompiler(policy: policy, plan: plan, host: host).order()
        guard policy.network.mode != .open, !hasNetwork else {
            if missing[.seccomp] == nil { order.seccomp = try seccomp(policy) }
            return order
        }
        // The host's network is there: sockets that lead to it must not be.
        guard missing[.seccomp] == nil else { throw missing.refusal(of: .networkNamespace, by: policy) }
        order.seccomp = try UnixSocketsOnly.filter(of: policy, nested: policy.process.nestedSandbox, in: cache)
        if policy.landlock.mode != .off, host.landlockABI >= 4 { order.landlock.handledNetwork = LandlockRights.tcp }
        return order
    }

    /// RESERVED_PIDS + 1 (kernel/pid.c)
    private static let leastPidMax = 301

    private func seccomp(_ policy: Policy) throws(PolicyError) -> Bytes {
        guard let cache else {
            return try SeccompProgram.build(policy.syscalls, nested: policy.process.nestedSandbox).bytes
        }
        return try cache.program(for: policy).bytes
    }

    private static func namespaces(_ policy: Policy) -> UInt64 {
        let always =
            CloneFlags.user | CloneFlags.pid | CloneFlags.mount | CloneFlags.ipc | CloneFlags.uts | CloneFlags.cgroup
        return policy.network.mode == .open ? always : always | CloneFlags.network
    }

    /// The unix socket first; loopback listeners only in a network namespace of the cage's own, where port 80 is free.
    private static func listeners(_ policy: Policy, _ request: CageRequest) -> [ListenerStep] {
        guard request.gateway, policy.credentials.api == .gateway else { return [] }
        let unix = ListenerStep(.unix, path: Bytes(CagePaths.gatewaySocket.utf8))
        guard policy.network.mode == .apiOnly else { return [unix] }
        return [unix, ListenerStep(.loopback4, port: 80), ListenerStep(.loopback6, port: 80)]
    }
}
