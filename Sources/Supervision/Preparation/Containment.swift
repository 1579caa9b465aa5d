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
    let cache: SeccompCache
    /// Asked only when the policy can do without something.
    let machine: () throws(SupervisionError) -> Machine

    func decide() throws(Refusal) -> Containment {
        // A policy that insists on its cage finds out by building it: the step that fails is the refusal.
        guard !MissingLayers.foundation.allSatisfy(policy.refuses) else {
            return Containment(order: try compile(.current(home: home), MissingLayers()))
        }
        let missing: MissingLayers
        do throws(SupervisionError) { missing = try machine().missing } catch { throw Refusal(error.reason) }
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

    private func compile(_ host: HostFacts, _ missing: MissingLayers) throws(Refusal) -> CageOrder {
        try refusing { () throws(PolicyError) in
            try CageCompiler(cache: cache).compile(policy, for: request, host: host, missing: missing)
        }
    }
}
