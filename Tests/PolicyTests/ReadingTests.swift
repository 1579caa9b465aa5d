import CSeccomp
import ShepherdProtocol
import Testing

@testable import Policy

/// What `policy test` reads off a cage's order.
struct ReadingTests {
    /// The interpreter of the tests was written apart from this one: they have to agree on every call and on random arguments.
    @Test(
        .enabled(if: seccomp_arch_native() == FilterMachine.x86),
        arguments: ["strict", "standard", "permissive", "paranoid", "readonly"])
    func filterIsReadAsTheKernelWould(name: String) throws {
        let policy = try builtIn(name)
        let program = try SeccompProgram.build(policy.syscalls, nested: policy.process.nestedSandbox).bytes
        let reading = FilterReading(program)
        let machine = FilterMachine(program)
        var chance = SeededGenerator(seed: 0xba77)
        var allowed = 0
        for number in Int32(0)..<600 {
            for _ in 0..<8 {
                let arguments = (0..<6).map { _ in chance.next() & (Bool.random(using: &chance) ? 0xff : .max) }
                let verdict = machine.run(number, arguments)
                #expect(reading.allows(number, arguments) == (verdict == .allow), "call \(number) \(arguments)")
                allowed += verdict == .allow ? 1 : 0
            }
        }
        #expect(allowed > 1_000)
    }

    @Test func noFilterAllowsAndABrokenOneRefuses() {
        #expect(FilterReading([]).allows(101, [0, 0, 0, 0, 0, 0]))
        // A return of nothing, a load from nowhere, a jump out of the program.
        for broken in [
            [0x06, 0, 0, 0, 0, 0, 0, 0], [0x20, 0, 0, 0, 0xff, 0, 0, 0], [0x05, 0, 0, 0, 9, 0, 0, 0],
        ] as [Bytes] {
            #expect(!FilterReading(broken).allows(0, []))
        }
    }

    private func order(_ steps: [MountStep]) -> OrderView {
        var order = CageOrder()
        order.mounts = steps
        return OrderView(order)
    }

    private func step(
        _ kind: MountStep.Kind, _ target: String, _ flags: MountStep.Flags = [], from source: String? = nil
    )
        -> MountStep
    {
        MountStep(kind, flags: flags, source: Bytes((source ?? target).utf8), target: Bytes(target.utf8))
    }

    @Test func theLongestMountDecides() {
        let view = order([
            step(.hostRoot, "/", .readOnly), step(.tmpfs, "/home"), step(.bind, "/home/me/work"),
            step(.bind, "/home/me/work/.git/hooks", .readOnly), step(.hide, "/etc/shadow"),
            step(.bind, "/opt", from: "/elsewhere"), step(.seal, "/home/me/work"),
        ])
        let expected: [(String, OrderView.Access)] = [
            ("/usr/bin", .readOnly), ("/home/me", .hidden), ("/home/me/work/a", .writable),
            ("/home/me/work/.git/hooks/x", .readOnly), ("/home/me/work/.git/config", .writable),
            ("/etc/shadow", .hidden), ("/etc/shadow-", .readOnly), ("/opt/x", .hidden),
        ]
        for (path, access) in expected { #expect(view.access(to: path) == access, "\(path)") }
    }

    @Test func withoutMountsLandlockDecides() {
        var bare = CageOrder()
        #expect(OrderView(bare).access(to: "/etc/shadow") == .writable)
        bare.landlock.handledFiles = LandlockRights.files(abi: 5)
        bare.landlock.rules = [
            LandlockRule(path: Bytes("/usr".utf8), rights: LandlockRights.use),
            LandlockRule(path: Bytes("/work".utf8), rights: LandlockRights.write),
        ]
        let view = OrderView(bare)
        #expect(view.access(to: "/etc/shadow") == .hidden)
        #expect(view.access(to: "/usr/bin/x") == .readOnly)
        #expect(view.access(to: "/work/x") == .writable)
        #expect(view.access(to: "/workshop") == .hidden)
    }
}
