package import Policy
import ShepherdProtocol
package import Store

/// How a policy stands on this machine.
package enum PolicyStanding: Equatable, Sendable {
    /// All it asks for is in force.
    case enforceable
    /// A task runs, without these: names of layers as in the record's `policy.degraded`.
    case degrades([String])
    /// No task runs. `layer` is named as in a refusal's `detail`, nil where the policy itself is at fault.
    case notEnforceable(layer: String?, message: String, fix: String?)
}

extension PolicyStanding {
    /// Found out by building the policy's own cage around a program that does nothing.
    ///
    /// - Parameters:
    ///   - paths: where the machine's answer is remembered, and where the probe has its directory.
    ///   - home: the caller's, as in `Caller`.
    ///   - machine: nil asks `Machine.current`.
    /// - Throws: where this machine cannot be examined at all.
    package static func of(
        _ policy: Policy, paths: StatePaths, home: String?, machine given: Machine? = nil
    ) throws(SupervisionError) -> PolicyStanding {
        let machine: Machine
        if let given { machine = given } else { machine = try .current(paths) }
        if let layer = machine.missing.layers.first(where: policy.refuses) {
            return refusal(machine.missing.refusal(of: layer, by: policy).refusal)
        }
        let directory = try ProbeDirectory(in: Machine.place(paths))
        let shepherd = try ShepherdLocation.find()
        let request = ProbeOrder.request(shepherd: shepherd, directory: directory.path)
        let plan = ContainmentPlan(
            policy: policy, request: request,
            places: BestEffortPlaces(home: request.home, attempt: directory.path), home: home,
            cache: .inState(paths.directory),
            machine: { () throws(SupervisionError) in machine })
        let containment: Containment
        do throws(Refusal) { containment = try plan.decide() } catch { return refusal(error) }
        switch try CageProbe(shepherd: shepherd, directory: directory.path).run(containment.order) {
        case .stands: return containment.degraded.isEmpty ? .enforceable : .degrades(containment.degraded)
        case .fails(let error):
            let layer = LayerFix.layer(of: error.stage)
            let finding = LayerFix.finding(layer, error, in: containment.order)
            return .notEnforceable(layer: layer.recordName, message: finding.what, fix: finding.fix)
        }
    }

    private static func refusal(_ refusal: Refusal) -> PolicyStanding {
        func text(_ key: String) -> String? {
            guard case .object(let facts) = refusal.reason.detail, case .string(let value) = facts[key] else {
                return nil
            }
            return value
        }
        return .notEnforceable(
            layer: text("layer"), message: refusal.reason.message, fix: refusal.hint ?? text("fix"))
    }
}
