import Policy
import ShepherdProtocol
import Store

/// How a task will be held on this machine.
struct Containment {
    var order: CageOrder
    /// What the policy asks for and does not get, by the names of the record.
    var degraded: [String] = []
    /// Best-effort level only: where what a cage mounts is instead.
    var places: BestEffortPlaces?
}

/// Turns a policy, a request and what this machine gives into an order: a whole cage, one without some layers, or, where no
/// cage can be had and the policy allows it, the best-effort level.
struct ContainmentPlan {
    let policy: Policy
    let request: CageRequest
    let places: BestEffortPlaces
    let home: String?
    let cache: SeccompCache?
    /// Asked when the policy can do without something.
    let machine: () throws(SupervisionError) -> Machine

    func decide() throws(Refusal) -> Containment {
        // A machine that cannot be examined shows what it lacks when the cage is built.
        let found = needsToKnow ? (try? machine())?.missing ?? MissingLayers() : MissingLayers()
        guard insists else { return try decide(found) }
        // The step that fails is the refusal; only what the policy can do without has to be known before.
        var missing = MissingLayers()
        for layer in [Layer.landlock, .notification] where !policy.refuses(layer) { missing[layer] = found[layer] }
        return try decide(missing)
    }

    /// The same where it is known what is missing.
    func decide(_ missing: MissingLayers) throws(Refusal) -> Containment {
        var host = HostFacts.current(home: home)
        if missing[.landlock] != nil { host.landlockABI = 0 }
        if missing.hasCage {
            return Containment(order: try compile(host, missing), degraded: missing.degraded(policy))
        }
        let (order, degraded) = try refusing { () throws(PolicyError) in
            try BestEffortCompiler(cache: cache)
                .compile(policy, for: request, host: host, places: places, missing: missing)
        }
        return Containment(order: order, degraded: degraded, places: places)
    }

    /// The policy runs in a cage or not at all.
    private var insists: Bool { MissingLayers.foundation.allSatisfy(policy.refuses) }

    private var needsToKnow: Bool { Layer.allCases.contains { !policy.refuses($0) } }

    private func compile(_ host: HostFacts, _ missing: MissingLayers) throws(Refusal) -> CageOrder {
        try refusing { () throws(PolicyError) in
            try CageCompiler(cache: cache).compile(policy, for: request, host: host, missing: missing)
        }
    }
}
