package import ShepherdProtocol

/// What a caller asks for with `--env NAME` or `--env NAME=VALUE`.
package enum EnvironmentRequest: Equatable, Sendable {
    case inherit(String)
    case set(String, String)

    package init(parsing text: String) throws(PolicyError) {
        let name = String(text.prefix { $0 != "=" })
        guard VariableName.isValid(name), !text.utf8.contains(0) else {
            throw PolicyError(
                .config, "--env '\(text)' is neither NAME nor NAME=VALUE",
                hint: "a name has letters, digits and _, and does not begin with a digit",
                detail: ["field": "--env", "bound": "NAME or NAME=VALUE", "found": name])
        }
        self = name == text ? .inherit(name) : .set(name, String(text.dropFirst(name.count + 1)))
    }
}

/// The environment of a worker; it starts from nothing.
package struct CageEnvironment: Equatable, Sendable {
    package private(set) var variables: [String: String]

    /// The cage's own variables, what the policy inherits and sets, and then what the caller asked for.
    ///
    /// Throws `refused.policy` for a variable that the policy keeps outside, `refused.config` for one of the cage's own.
    package init(
        policy: Policy, caller: [String: String], requests: [EnvironmentRequest] = []
    ) throws(PolicyError) {
        variables = caller.filter { name, _ in
            policy.environment.inherit.contains { VariableName.matches(name, pattern: $0) }
                && VariableName.patternProblem(name) == nil
        }
        if policy.credentials.api == .environment {
            for name in VariableName.providerKeys { variables[name] = caller[name] }
        }
        variables.merge(policy.environment.set) { $1 }
        for request in requests {
            switch request {
            case .inherit(let name):
                try Self.check(name, policy)
                guard !VariableName.isInjection(name) else {
                    throw PolicyError(
                        .policy, "--env \(name): it would run the caller's code inside the cage",
                        hint: "write \(name)=VALUE if that is meant",
                        detail: ["field": "--env", "bound": "NAME=VALUE", "found": name])
                }
                variables[name] = caller[name] ?? variables[name]
            case .set(let name, let value):
                try Self.check(name, policy)
                variables[name] = value
            }
        }
        variables.merge(Self.own(policy)) { $1 }
    }

    /// Adds what the agent needs; the cage's own variables stay.
    package mutating func add(_ additions: [String: String]) {
        for (name, value) in additions where VariableName.isValid(name) && !VariableName.own.contains(name) {
            variables[name] = value
        }
    }

    /// The same where nothing is mounted and the cage's own places are elsewhere.
    package mutating func move(to places: BestEffortPlaces) {
        variables["HOME"] = places.home
        variables["TMPDIR"] = places.temporary
        for (name, value) in variables where value == CagePaths.gatewaySocket { variables[name] = places.socket }
    }

    /// `NAME=value`, sorted.
    package var entries: [Bytes] {
        variables.sorted { $0.key < $1.key }.map { Bytes("\($0.key)=\($0.value)".utf8) }
    }

    private static func own(_ policy: Policy) -> [String: String] {
        [
            "HOME": CagePaths.home, "USER": CagePaths.user, "LOGNAME": CagePaths.user, "SHELL": "/bin/bash",
            "PATH": policy.environment.path.joined(separator: ":"), "TMPDIR": CagePaths.temporary,
        ]
    }

    private static func check(_ name: String, _ policy: Policy) throws(PolicyError) {
        guard !VariableName.isOwn(name) else {
            throw PolicyError(
                .config, "--env \(name): the cage sets it itself",
                hint: name == "PATH" ? "environment.path of a policy is the place for it" : nil,
                detail: ["field": "--env", "bound": "another name", "found": name])
        }
        guard policy.credentials.api == .environment || !VariableName.isProviderKey(name) else {
            throw PolicyError(
                .policy, "--env \(name): policy '\(policy.name)' keeps the provider's key outside of the cage",
                hint: "leave it out; the gateway adds the key to every request",
                detail: ["field": "--env", "bound": "credentials.api = \"env\"", "found": name])
        }
    }
}
