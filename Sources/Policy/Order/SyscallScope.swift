/// Names of system calls: some, or all but some; there are always names that nobody has listed.
enum CallNames: Equatable, Sendable {
    case only(Set<String>)
    case allBut(Set<String>)

    func contains(_ name: String) -> Bool {
        switch self {
        case .only(let names): names.contains(name)
        case .allBut(let names): !names.contains(name)
        }
    }

    func isSubset(of other: CallNames) -> Bool {
        switch (self, other) {
        case (.only(let left), _): left.allSatisfy(other.contains)
        case (.allBut(let left), .allBut(let right)): left.isSuperset(of: right)
        case (.allBut, .only): false
        }
    }

    func subtracting(_ names: Set<String>) -> CallNames {
        switch self {
        case .only(let own): .only(own.subtracting(names))
        case .allBut(let own): .allBut(own.union(names))
        }
    }

    func intersection(_ other: CallNames) -> CallNames {
        switch (self, other) {
        case (.only(let left), _): .only(left.filter(other.contains))
        case (_, .only(let right)): .only(right.filter(contains))
        case (.allBut(let left), .allBut(let right)): .allBut(left.union(right))
        }
    }
}

/// What a policy's three settings about system calls come to, so that the lists of different profiles can be compared.
struct SyscallScope: Equatable, Sendable {
    let profile: Policy.Syscalls.Profile
    /// Calls that are let through, whatever their arguments may have to be.
    let allowed: CallNames
    /// Calls that are let through with any argument.
    let free: CallNames

    init(_ syscalls: Policy.Syscalls) {
        profile = syscalls.profile
        let (allow, deny) = (Set(syscalls.allow), Set(syscalls.deny))
        let (base, guarded) = Self.base(profile)
        switch base {
        case .only(let names): allowed = .only(names.union(allow).subtracting(deny))
        case .allBut(let names): allowed = .allBut(names.subtracting(allow).union(deny))
        }
        free = allowed.subtracting(guarded.subtracting(allow))
    }

    private init(profile: Policy.Syscalls.Profile, allowed: CallNames, free: CallNames) {
        self.profile = profile
        self.allowed = allowed
        self.free = free
    }

    func meet(_ other: SyscallScope) -> SyscallScope {
        SyscallScope(
            profile: Lattice.chain.meet(profile, other.profile), allowed: allowed.intersection(other.allowed),
            free: free.intersection(other.free))
    }

    /// The lists that make this of the profile.
    var lists: (allow: [String], deny: [String]) {
        let (base, guarded) = Self.base(profile)
        let lifted = guarded.filter(free.contains)
        switch (base, allowed) {
        case (.only(let names), .only(let allowed)):
            return (allowed.subtracting(names).union(lifted).sorted(), names.subtracting(allowed).sorted())
        case (.allBut(let names), .allBut(let refused)):
            return (names.subtracting(refused).union(lifted).sorted(), refused.subtracting(names).sorted())
        default:
            // A meet has the stricter profile, and with it the kind of set that belongs to it.
            return ([], [])
        }
    }

    /// What a profile lets through by itself, and which of that only with some arguments.
    private static func base(_ profile: Policy.Syscalls.Profile) -> (allowed: CallNames, guarded: Set<String>) {
        switch profile {
        case .agent: agent
        case .denyDangerous: denyDangerous
        case .off: (.allBut([]), [])
        }
    }

    private static let agent = (allowed: CallNames.only(Set(SyscallSets.agent)), guarded: guarded(.agent))
    private static let denyDangerous = (
        allowed: CallNames.allBut(Set(SyscallSets.dangerous + SyscallSets.opaque)), guarded: guarded(.denyDangerous)
    )

    /// Namespaces of the agent's own are another field's business.
    private static func guarded(_ profile: Policy.Syscalls.Profile) -> Set<String> {
        let syscalls = Policy.Syscalls(profile: profile, allow: [], deny: [], denied: .eperm)
        return Set(ArgumentGuards.guards(of: syscalls, nested: false).guards.map(\.call))
    }
}
