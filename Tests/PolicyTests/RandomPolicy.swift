@testable import Policy

/// Policies of every kind that the loader lets pass, so that laws can be tried on them.
struct RandomPolicies {
    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func next() throws -> Policy {
        var policy = try builtIn(one(PolicyLibrary.builtInNames))
        // Few changes leave policies that can be compared at all.
        for _ in 0..<number(0...6) { change(&policy) }
        settle(&policy)
        return policy
    }

    /// One or two fields of a policy, in any direction.
    mutating func neighbour(of policy: Policy) -> Policy {
        var result = policy
        for _ in 0..<number(1...2) { change(&result) }
        settle(&result)
        return result
    }

    private mutating func change(_ policy: inout Policy) {
        switch number(0...27) {
        case 0: policy.require = some(Layer.allCases.filter { $0 != .notification })
        case 1: policy.onMissing = OnMissing(refused: some(Layer.allCases.filter { $0 != .notification }))
        case 2: policy.process.wallTime = bound(TimeSpan(milliseconds: UInt64(number(1...9)) * 60_000))
        case 3: policy.process.killGrace = TimeSpan(milliseconds: UInt64(number(0...9)) * 500)
        case 4: policy.process.nice = number(0...19)
        case 5: policy.process.nestedSandbox.toggle()
        case 6: policy.limits.processes = number(16...20)
        case 7: policy.limits.memory = bound(ByteSize(bytes: UInt64(number(1...3)) << 30))
        case 8: policy.limits.disk = bound(ByteSize(bytes: UInt64(number(1...3)) << 30))
        case 9: policy.limits.cpuWeight = number(1...3)
        case 10: policy.limits.output.limit = bound(ByteSize(bytes: UInt64(number(1...3)) << 30))
        case 11: policy.filesystem.root = one(Policy.Filesystem.Root.allCases)
        case 12, 13: policy.filesystem.read = grants()
        case 14: policy.filesystem.write = grants()
        case 15: policy.filesystem.deny = some(["@secrets", "@mail", "~/d", "~/d/e", "/q/d", "/q", "@history"])
        case 16: policy.filesystem.tmp.exec.toggle()
        case 17: policy.filesystem.home.mode = one(Policy.Home.Mode.allCases)
        case 18: policy.workspace.mode = one(Policy.Workspace.Mode.allCases)
        case 19: policy.workspace.protect = some(["@exec-on-open", ".git", ".git/hooks", "a", "a/b", "@pipelines"])
        case 20: policy.network.mode = one(Policy.Network.Mode.allCases)
        case 21: policy.credentials.api = one(Policy.Credentials.Provider.allCases)
        case 22: policy.environment.inherit = some(["A", "A*", "AB", "AB*", "ABC", "B*", "LC_*", "LC_ALL"])
        case 23:
            policy.environment.set = Dictionary(
                uniqueKeysWithValues: some(["A", "B", "ANTHROPIC_API_KEY"]).map { ($0, one(["1", "2"])) })
        case 24: policy.environment.path = some(["/a", "/b", "/usr/bin", "/c"])
        case 25:
            policy.syscalls.profile = one(Policy.Syscalls.Profile.allCases)
            policy.syscalls.denied = one(Policy.Syscalls.Denied.allCases)
        case 26:
            policy.process.onLost = one(Policy.Process.OnLost.allCases)
            policy.process.onStragglers = one(Policy.Process.OnStragglers.allCases)
        default:
            let calls = ["socket", "ioctl", "ptrace", "bpf", "mount", "splice", "clone3", "vserver", "open", "getpmsg"]
            policy.syscalls.allow = some(calls)
            policy.syscalls.deny = some(calls)
        }
    }

    /// What the loader would refuse is made right, by the looser or by the stricter way.
    private mutating func settle(_ policy: inout Policy) {
        policy.filesystem.home.size =
            policy.filesystem.home.mode == .memory ? ByteSize(bytes: UInt64(number(1...3)) << 20) : nil
        policy.workspace.size = policy.workspace.mode == .scratch ? ByteSize(bytes: UInt64(number(1...3)) << 20) : nil
        switch policy.network.mode {
        case .none: policy.credentials.api = .none
        case .apiOnly: policy.credentials.api = .gateway
        case .open: break
        }
        if policy.credentials.api == .gateway { policy.environment.set["ANTHROPIC_API_KEY"] = nil }
        policy.syscalls.deny.removeAll(where: policy.syscalls.allow.contains)
        if policy.syscalls.profile == .off { (policy.syscalls.allow, policy.syscalls.deny) = ([], []) }
        if policy.network.mode == .open { policy.require.removeAll { $0 == .networkNamespace } }
        if policy.syscalls.profile == .off { policy.require.removeAll { $0 == .seccomp } }
        if policy.require.contains(.landlock) { policy.landlock.mode = .secondWall }
    }

    private mutating func grants() -> [PathGrant] {
        some(["/q/a", "/q/a/b", "/q/a/b/c", "/q", "~/a", "~/a/b", "/r"]).map {
            PathGrant(path: $0, optional: number(0...4) == 0)
        }
    }

    private mutating func bound<Value>(_ value: Value) -> Bound<Value> {
        number(0...3) == 0 ? .unlimited : .limited(value)
    }

    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    private mutating func one<Element>(_ elements: [Element]) -> Element { elements[number(0...elements.count - 1)] }

    private mutating func some<Element>(_ elements: [Element]) -> [Element] {
        Array(elements.shuffled(using: &random).prefix(number(0...3)))
    }
}
