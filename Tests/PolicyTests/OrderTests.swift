import Foundation
import Testing

@testable import Policy

@Suite struct OrderTests {
    /// A home that is not there, so that paths stand for themselves.
    private let order = PolicyOrder(host: .example(home: "/nowhere/u"))

    private func equivalent(_ left: Policy, _ right: Policy) -> Bool {
        order.isAtLeastAsStrict(left, as: right) && order.isAtLeastAsStrict(right, as: left)
    }

    /// Two policies that often can be compared, and some that cannot.
    private func pairs(seed: UInt64, count: Int, _ body: (Policy, Policy, inout RandomPolicies) throws -> Void) throws {
        var policies = RandomPolicies(seed: seed)
        for round in 0..<count {
            let first = try policies.next()
            let second = round % 2 == 0 ? policies.neighbour(of: first) : try policies.next()
            try body(first, second, &policies)
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func itIsAPartialOrder(seed: UInt64) throws {
        try pairs(seed: seed, count: 10) { first, second, policies in
            #expect(order.isAtLeastAsStrict(first, as: first))
            #expect(order.isAtLeastAsStrict(order.effective(first), as: first))
            #expect(order.isAtLeastAsStrict(first, as: order.effective(first)))
            if equivalent(first, second) {
                let (left, right) = (order.effective(first), order.effective(second))
                for field in PolicyField.all where !["environment.path", "on_missing"].contains(field.key) {
                    #expect(field.text(left) == field.text(right), "\(field.key)")
                }
                #expect(Set(left.environment.path) == Set(right.environment.path))
            }
            // Meets make chains, so that the premise holds often.
            let third = policies.neighbour(of: second)
            let lower = order.intersection(first, second)
            for (a, b, c) in [
                (lower, second, third), (order.intersection(lower, third), lower, second), (first, second, third),
            ]
            where order.isAtLeastAsStrict(a, as: b) && order.isAtLeastAsStrict(b, as: c) {
                #expect(order.isAtLeastAsStrict(a, as: c))
            }
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func theIntersectionIsTheGreatestLowerBound(seed: UInt64) throws {
        try pairs(seed: seed, count: 10) { first, second, policies in
            let meet = order.intersection(first, second)
            #expect(order.isAtLeastAsStrict(meet, as: first) && order.isAtLeastAsStrict(meet, as: second))
            #expect(equivalent(meet, order.intersection(second, first)))
            #expect(equivalent(order.intersection(first, first), first))
            #expect(equivalent(order.intersection(meet, first), meet))
            let third = policies.neighbour(of: first)
            #expect(
                equivalent(
                    order.intersection(meet, third), order.intersection(first, order.intersection(second, third))))
            // Whatever is below both is below the meet, the meet with more included.
            for other in [third, order.intersection(meet, third), policies.neighbour(of: meet), try policies.next()]
            where order.isAtLeastAsStrict(other, as: first) && order.isAtLeastAsStrict(other, as: second) {
                #expect(order.isAtLeastAsStrict(other, as: meet))
            }
            if order.isAtLeastAsStrict(first, as: second) { #expect(equivalent(meet, first)) }
        }
    }

    /// The other laws would hold for an order in which everything is equal.
    @Test(arguments: 0..<4 as Range<UInt64>)
    func aMeetIsAPolicy(seed: UInt64) throws {
        try pairs(seed: seed, count: 10) { first, second, _ in
            for policy in [first, order.effective(first), order.intersection(first, second)] {
                let read = try load(policy.toml)
                #expect(PolicyField.all.map { $0.text(read) } == PolicyField.all.map { $0.text(policy) })
                #expect(equivalent(read, policy))
            }
        }
    }

    @Test func everyFieldHasAPart() throws {
        let base = try builtIn("strict")
        var changed: Set<String> = []
        var policies = RandomPolicies(seed: 7)
        for _ in 0..<1500 {
            for (field, strictness) in order.comparison(policies.neighbour(of: base), base) where strictness != .equal {
                changed.insert(field.key)
            }
        }
        var others = base
        others.process.idleTime = .unlimited
        others.process.linger = TimeSpan(milliseconds: 1_000)
        others.process.oomScoreAdj = 0
        others.limits.openFiles += 1
        others.limits.fileSize = .unlimited
        others.limits.cpuTime = .limited(TimeSpan(milliseconds: 1_000))
        others.limits.lockedMemory = ByteSize(bytes: 0)
        others.limits.output.head = ByteSize(bytes: 1 << 30)
        others.limits.output.tail = ByteSize(bytes: 1 << 30)
        others.filesystem.tmp.size = ByteSize(bytes: 1 << 20)
        others.filesystem.shm = ByteSize(bytes: 1 << 20)
        others.landlock.mode = .off
        others.landlock.minAbi = 9
        for (field, strictness) in order.comparison(others, base) where strictness != .equal {
            changed.insert(field.key)
        }
        #expect(Set(PolicyField.all.map(\.key)).subtracting(changed) == ["filesystem.dev"], "it has one value only")
    }

    @Test func theBuiltInOnesStandAsTheyShould() throws {
        let host = HostFacts.example(home: "/nowhere/u")
        let order = PolicyOrder(host: host)
        let strict = try builtIn("strict")
        #expect(order.isAtLeastAsStrict(try builtIn("paranoid"), as: strict))
        for looser in ["standard", "permissive"] {
            #expect(order.isAtLeastAsStrict(strict, as: try builtIn(looser)), "\(looser)")
            #expect(!order.isAtLeastAsStrict(try builtIn(looser), as: strict))
        }
        #expect(order.isAtLeastAsStrict(try builtIn("standard"), as: try builtIn("permissive")))
        #expect(order.isAtLeastAsStrict(try builtIn("readonly"), as: try builtIn("standard")))
        #expect(!order.isAtLeastAsStrict(try builtIn("readonly"), as: strict), "it sees more of the machine")
    }

    struct Step: Sendable {
        var key: String
        var expected: Strictness
        var change: @Sendable (inout Policy) -> Void
    }

    /// Against `strict`.
    @Test(arguments: [
        Step(key: "process.nice", expected: .stricter) { $0.process.nice = 19 },
        Step(key: "process.on_lost", expected: .looser) { $0.process.onLost = .resume },
        Step(key: "process.on_stragglers", expected: .stricter) { $0.process.onStragglers = .fail },
        Step(key: "limits.memory", expected: .looser) { $0.limits.memory = .unlimited },
        Step(key: "limits.cpu_weight", expected: .stricter) { $0.limits.cpuWeight = 1 },
        Step(key: "filesystem.root", expected: .stricter) { $0.filesystem.root = .minimal },
        Step(key: "filesystem.home.size", expected: .stricter) {
            $0.filesystem.home = Policy.Home(mode: .memory, size: ByteSize(bytes: 1 << 20))
        },
        Step(key: "workspace.protect", expected: .stricter) {
            $0.workspace.mode = .readonly
            $0.workspace.protect = []
        },
        Step(key: "workspace.protect", expected: .stricter) { $0.workspace.protect += [".git"] },
        Step(key: "workspace.protect", expected: .differs) { $0.workspace.protect = ["a"] },
        Step(key: "environment.inherit", expected: .stricter) {
            $0.environment.inherit = ["LANG", "LC_ALL", "LC_TIME", "TZ", "TERM"]
        },
        Step(key: "environment.inherit", expected: .looser) { $0.environment.inherit = ["L*", "T*"] },
        Step(key: "environment.path", expected: .equal) { $0.environment.path.reverse() },
        Step(key: "filesystem.deny", expected: .stricter) { $0.filesystem.deny += ["~/x"] },
        Step(key: "filesystem.deny", expected: .stricter) { $0.filesystem.deny += ["~"] },
        Step(key: "filesystem.deny", expected: .looser) { $0.filesystem.deny = ["@browsers"] },
        Step(key: "filesystem.deny", expected: .equal) { $0.filesystem.deny += ["@history", "~/.ssh/keys"] },
        Step(key: "filesystem.read", expected: .looser) { $0.filesystem.write = [PathGrant(path: "/q")] },
        Step(key: "syscalls.allow", expected: .looser) { $0.syscalls.allow = ["ptrace"] },
        Step(key: "syscalls.allow", expected: .looser) { $0.syscalls.allow = ["socket"] },
        Step(key: "syscalls.allow", expected: .equal) { $0.syscalls.allow = ["read"] },
        Step(key: "syscalls.deny", expected: .stricter) { $0.syscalls.deny = ["splice"] },
        Step(key: "syscalls.deny", expected: .equal) { $0.syscalls.deny = ["ptrace", "mount"] },
        Step(key: "syscalls.deny", expected: .looser) { $0.syscalls.profile = .denyDangerous },
        Step(key: "on_missing", expected: .looser) {
            $0.require = []
            $0.onMissing = OnMissing(.degrade)
        },
        Step(key: "require", expected: .stricter) { $0.require += [.landlock] },
    ])
    func eachFieldHasItsOrder(step: Step) throws {
        let strict = try builtIn("strict")
        var other = strict
        step.change(&other)
        let found = order.comparison(other, strict).first { $0.field.key == step.key }?.strictness
        #expect(found == step.expected, "\(step.key)")
    }

    /// What is printed is read back as the same, and does nothing to a terminal.
    @Test func oddTextsAreEscaped() throws {
        var policy = try builtIn("strict")
        policy.environment.set = ["A": "\"\\ \n\t\u{1}\u{1b}[31m\u{7f}\u{9b}31m ü 🦊"]
        policy.filesystem.read = [PathGrant(path: "/a\u{1b}]0;x", optional: true)]
        let text = policy.toml
        #expect(!text.unicodeScalars.contains { $0 != "\n" && ($0.value < 0x20 || (0x7f...0x9f).contains($0.value)) })
        let read = try load(text)
        #expect(read.environment.set == policy.environment.set && read.filesystem.read == policy.filesystem.read)
    }

    /// Of nested grants the longest decides.
    @Test func grantsNest() throws {
        func policy(read: [String], write: [String]) throws -> Policy {
            var policy = try builtIn("strict")
            policy.filesystem.read = read.map { PathGrant(path: $0) }
            policy.filesystem.write = write.map { PathGrant(path: $0) }
            return policy
        }
        let spared = try policy(read: ["/q/a/keep"], write: ["/q/a"])
        let all = try policy(read: [], write: ["/q"])
        #expect(order.isAtLeastAsStrict(spared, as: all) && !order.isAtLeastAsStrict(all, as: spared))
        let looking = try policy(read: ["/q"], write: [])
        let meet = order.intersection(spared, looking)
        #expect(meet.filesystem.read == [PathGrant(path: "/q/a")] && meet.filesystem.write.isEmpty)
        let both = order.intersection(all, spared)
        #expect(both.filesystem.read == [PathGrant(path: "/q/a/keep")])
        #expect(both.filesystem.write == [PathGrant(path: "/q/a")])
    }

    @Test func withoutAGatewayNothingLeadsOut() throws {
        var open = try builtIn("permissive")
        open.credentials.api = .none
        let meet = order.intersection(try builtIn("strict"), open)
        #expect(meet.network.mode == .none && meet.credentials.api == .none)
    }

    /// A link and what it leads to are the same path.
    @Test func linksAreFollowed() throws {
        let directory = try TemporaryDirectory()
        try directory.make("real/in")
        #expect(symlink(directory.path + "/real", directory.path + "/link") == 0)
        func denying(_ path: String) throws -> Policy {
            var policy = try builtIn("strict")
            policy.filesystem.deny = [path]
            return policy
        }
        #expect(equivalent(try denying(directory.path + "/link"), try denying(directory.path + "/real")))
        #expect(
            equivalent(try denying(directory.path + "/link/absent/x"), try denying(directory.path + "/real/absent/x")))
    }
}
