/// What no single key shows: settings that contradict each other.
struct PolicyConsistency {
    let source: PolicySource
    let policy: Policy

    func check() throws(PolicyError) {
        try checkRequire()
        switch (policy.network.mode, policy.credentials.api) {
        case (.none, .gateway), (.none, .environment):
            throw contradiction(
                "credentials.api", "without a network there is nothing to use a credential for", needs: "none",
                found: policy.credentials.api.rawValue)
        case (.apiOnly, .environment), (.apiOnly, .none):
            throw contradiction(
                "credentials.api", "network.mode = \"api-only\" means the gateway", needs: "gateway",
                found: policy.credentials.api.rawValue)
        default: break
        }
        if policy.syscalls.profile == .off, !(policy.syscalls.allow + policy.syscalls.deny).isEmpty {
            throw contradiction(
                "syscalls.profile", "lists of calls have no effect when the filter is off", needs: "agent",
                found: "off")
        }
        for name in policy.syscalls.allow where policy.syscalls.deny.contains(name) {
            throw contradiction(
                "syscalls.deny", "'\(name)' is allowed and denied", needs: "one of the two", found: name)
        }
        if policy.credentials.api == .gateway,
            let name = policy.environment.set.keys.sorted().first(where: VariableName.isProviderKey)
        {
            throw contradiction(
                "environment.set", "'\(name)' is the gateway's to set", needs: "credentials.api = \"env\"", found: name)
        }
    }

    /// A layer cannot be required and switched off by the same policy.
    private func checkRequire() throws(PolicyError) {
        for layer in policy.require {
            let reason: String? =
                switch layer {
                case .networkNamespace where policy.network.mode == .open: "network.mode is \"open\""
                case .seccomp where policy.syscalls.profile == .off: "syscalls.profile is \"off\""
                case .landlock where policy.landlock.mode == .off: "landlock.mode is \"off\""
                default: nil
                }
            guard let reason else { continue }
            throw contradiction(
                "require", "'\(layer.rawValue)' is required, but \(reason)", needs: "a layer in use",
                found: layer.rawValue)
        }
    }

    private func contradiction(_ key: String, _ message: String, needs bound: String, found: String) -> PolicyError {
        source.failure(key, message, bound: bound, found: found)
    }
}
