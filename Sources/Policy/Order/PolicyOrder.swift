/// How one value stands to another.
package enum Strictness: String, Sendable, Codable {
    case equal, stricter, looser
    /// Each allows something that the other does not.
    case differs

    init(below: Bool, above: Bool) {
        self =
            switch (below, above) {
            case (true, true): .equal
            case (true, false): .stricter
            case (false, true): .looser
            case (false, false): .differs
            }
    }
}

/// The order "at least as strict as" on policies, for one caller on one machine.
///
/// What is compared are effective values: named sets and `~` are replaced by paths, links are followed, and what says the
/// same in two ways is written in one. A policy is at least as strict as another when every field is; `PolicyField.all` says
/// what that means for each. It is a partial order, and every two policies have a greatest lower bound.
package struct PolicyOrder: Sendable {
    private let home: String?
    /// Where the paths of each named set lead.
    private let hidden: [String: [String]]

    package init(host: HostFacts) {
        home = host.home
        hidden = Dictionary(
            uniqueKeysWithValues: HiddenSet.allCases.map {
                ($0.rawValue, Denied.resolved([$0.rawValue], home: host.home, hostKeys: host.hostKeys))
            })
    }

    /// What a policy comes to here.
    package func effective(_ policy: Policy) -> Policy {
        var result = policy
        result.require = Layer.allCases.filter(policy.require.contains)
        result.filesystem.read = effective(policy.filesystem.read)
        result.filesystem.write = effective(policy.filesystem.write)
        result.filesystem.deny = Coverage.paths.normal(
            policy.filesystem.deny.flatMap { hidden[$0] ?? Denied.resolved([$0], home: home, hostKeys: []) })
        result.workspace.protect =
            policy.workspace.mode == .direct
            ? Coverage.paths.normal(policy.workspace.protect.flatMap(ProtectedSet.names)) : []
        result.environment.inherit = Coverage.variables.normal(policy.environment.inherit)
        let calls = SyscallScope(policy.syscalls).lists
        result.syscalls.allow = calls.allow
        result.syscalls.deny = calls.deny
        return result
    }

    package func isAtLeastAsStrict(_ policy: Policy, as other: Policy) -> Bool {
        let (left, right) = (effective(policy), effective(other))
        return PolicyField.all.allSatisfy { $0.isBelow(left, right) }
    }

    /// How the first policy as a whole stands to the second.
    package func standing(of policy: Policy, to other: Policy) -> Strictness {
        Strictness(below: isAtLeastAsStrict(policy, as: other), above: isAtLeastAsStrict(other, as: policy))
    }

    /// How the first policy's value of each field stands to the second's.
    package func comparison(_ policy: Policy, _ other: Policy) -> [(field: PolicyField, strictness: Strictness)] {
        let (left, right) = (effective(policy), effective(other))
        return PolicyField.all.map { field in
            (field, Strictness(below: field.isBelow(left, right), above: field.isBelow(right, left)))
        }
    }

    /// The loosest policy that is at least as strict as both, in effective values; it has the first one's name.
    package func intersection(_ policy: Policy, _ other: Policy) -> Policy {
        let (left, right) = (effective(policy), effective(other))
        var result = left
        for field in PolicyField.all { field.narrow(&result, left, right) }
        return result
    }

    /// Grants that lead somewhere or have to; the same ones as mounts.
    private func effective(_ grants: [PathGrant]) -> [PathGrant] {
        var paths: [String] = []
        for grant in grants {
            guard let literal = HomePath.expand(grant.path, home: home) else { continue }
            guard let path = RealPath.resolve(literal) ?? (grant.optional ? nil : RealPath.place(literal)),
                !paths.contains(path)
            else { continue }
            paths.append(path)
        }
        return paths.sorted().map { PathGrant(path: $0) }
    }
}

extension Policy {
    /// The whole policy as a file that says everything.
    package var toml: String {
        var text = "schema = \(PolicyLoader.schema)\nname = \(FieldText.string(name))\n"
        text += "description = \(FieldText.string(description))\n"
        var sections: [String] = []
        for section in PolicyField.all.map(\.section) where !sections.contains(section) { sections.append(section) }
        for section in sections {
            if !section.isEmpty { text += "\n[\(section)]\n" }
            for field in PolicyField.all where field.section == section {
                let value = field.text(self)
                if !value.isEmpty { text += "\(field.name) = \(value)\n" }
            }
        }
        return text
    }
}
