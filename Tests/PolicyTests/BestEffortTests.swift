import Foundation
import ShepherdProtocol
import Testing

@testable import Policy

/// The level without namespaces: what Landlock is told, what the filter adds, what is refused.
@Suite struct BestEffortTests {
    private func rules(
        _ machine: TemporaryDirectory, deny: [String] = [], read: [PathGrant] = [], workspace: String = "work",
        _ change: (inout Policy) -> Void = { _ in }
    ) throws -> [String: UInt64] {
        var policy = try builtIn("standard")
        policy.filesystem.deny = deny.map { "\(machine.path)/\($0)" }
        policy.filesystem.read = read
        change(&policy)
        var host = HostFacts.example(home: "\(machine.path)/home")
        host.top = [:]
        let files = try VisibleFiles(
            policy: policy,
            request: .example(workspace: "\(machine.path)/\(workspace)", state: "\(machine.path)/state"), host: host,
            places: BestEffortPlaces(home: "\(machine.path)/state/h", attempt: "\(machine.path)/state/a"))
        return Dictionary(files.rules.map { ($0.path, $0.rights) }) { $0 | $1 }
    }

    private func verdict(_ filter: FilterMachine, _ call: String, _ arguments: [UInt64]) -> FilterMachine.Verdict {
        SyscallNames.number(call).map { filter.run($0, arguments) } ?? .broken("no such call")
    }

    @Test func aDirectoryWithSomethingHiddenInItIsShownByItsOtherEntries() throws {
        let machine = try TemporaryDirectory()
        for name in ["work", "state", "shown/a", "shown/secret/b", "shown/c/d"] { try machine.make(name) }
        symlink("secret", "\(machine.path)/shown/way")
        let found = try rules(
            machine, deny: ["shown/secret"], read: [PathGrant(path: "\(machine.path)/shown")])
        #expect(found["\(machine.path)/shown"] == nil)
        #expect(found["\(machine.path)/shown/a"] == LandlockRights.use)
        #expect(found["\(machine.path)/shown/c"] == LandlockRights.use)
        // No rule for it, for anything in it, or for a link that leads to it.
        #expect(!found.keys.contains { $0.contains("secret") || $0.hasSuffix("way") })
    }

    @Test func theStateDirectoryIsNotShownButTheTasksOwnPlacesAre() throws {
        let machine = try TemporaryDirectory()
        for name in ["work", "state/h", "state/a/tmp", "state/a/files", "state/other"] { try machine.make(name) }
        let found = try rules(machine, read: [PathGrant(path: machine.path)])
        #expect(found["\(machine.path)"] == nil && found["\(machine.path)/state"] == nil)
        #expect(found["\(machine.path)/state/other"] == nil)
        #expect(found["\(machine.path)/state/h"] == LandlockRights.write)
        #expect(found["\(machine.path)/state/a/tmp"] == LandlockRights.write)
        #expect(found["\(machine.path)/state/a/files"] == LandlockRights.use)
        #expect(found["\(machine.path)/work"] == LandlockRights.write)
    }

    @Test func nothingCanBeHiddenInAWritableWorkspace() throws {
        let machine = try TemporaryDirectory()
        for name in ["work/.env.d", "state"] { try machine.make(name) }
        let error = #expect(throws: PolicyError.self) { _ = try rules(machine, deny: ["work/.env.d"]) }
        #expect(error?.detail["layer"] == "mountNamespace")
        // What is not there need not be hidden, and one that cannot be written is shown by its other entries.
        _ = try rules(machine, deny: ["work/absent"])
        let found = try rules(machine, deny: ["work/.env.d"]) { $0.workspace.mode = .readonly }
        #expect(found["\(machine.path)/work"] == nil)
    }

    @Test(arguments: ["agent", "deny-dangerous", "off"])
    func onlyUnixSocketsUnlessTheNetworkIsOpen(profile: String) throws {
        var policy = try builtIn("standard")
        policy.syscalls.profile = try #require(Policy.Syscalls.Profile(rawValue: profile))
        let filter = FilterMachine(try UnixSocketsOnly.filter(of: policy, nested: false, in: nil))
        #expect(verdict(filter, "socket", [1, 1, 0]) == .allow)
        for family: UInt64 in [2, 10, 16, 17, 38, 40, 44, 0x1_0000_0002] {
            #expect(verdict(filter, "socket", [family, 1, 0]) == .errno(Int(EAFNOSUPPORT)))
        }
        #expect(verdict(filter, "io_uring_setup", [1, 0]) == .errno(Int(EPERM)))
        policy.syscalls.allow = ["socket", "io_uring_setup"]
        let loosened = FilterMachine(try UnixSocketsOnly.filter(of: policy, nested: false, in: nil))
        #expect(verdict(loosened, "socket", [2, 1, 0]) == .errno(Int(EAFNOSUPPORT)))
        #expect(verdict(loosened, "io_uring_setup", [1, 0]) == .errno(Int(EPERM)))
    }

    @Test(arguments: ["agent", "deny-dangerous", "off"])
    func limitsAndPrioritiesAreTheWorkersOwn(profile: String) throws {
        var policy = try builtIn("standard")
        policy.syscalls.profile = try #require(Policy.Syscalls.Profile(rawValue: profile))
        policy.network.mode = .open
        let inner = try UnixSocketsOnly.filter(of: policy, nested: false, in: nil)
        let filter = FilterMachine(OwnProcessOnly.filter(before: inner, of: policy))
        for call in ["prlimit64", "sched_setscheduler", "sched_setparam", "sched_setattr"] {
            #expect(verdict(filter, call, [0, 7, 0]) == .allow)
            #expect(verdict(filter, call, [1 << 32, 7, 0]) == .allow, "the kernel looks at 32 bits")
            for pid: UInt64 in [1, 4711, 0x1_0000_0001] { #expect(verdict(filter, call, [pid, 7, 0]) == .notify) }
        }
        for (call, own, others) in [("setpriority", [0, 1], 2), ("ioprio_set", [1, 2], 3)]
            as [(String, [UInt64], UInt64)]
        {
            for which in own {
                #expect(verdict(filter, call, [which, 0, 5]) == .allow)
                #expect(verdict(filter, call, [which, 4711, 5]) == .notify)
            }
            #expect(verdict(filter, call, [others, 0, 5]) == .notify)
        }
        #expect(verdict(filter, "read", [0, 0, 0]) == .allow)
    }

    @Test func eachMissingLayerIsRefusedOrNamed() throws {
        let finding = MissingLayers.Finding(errno: 1, what: "it is not there", fix: "put it there")
        for layer in [Layer.networkNamespace, .ipcNamespace, .utsNamespace, .cgroupNamespace] {
            let missing = MissingLayers([layer: finding])
            #expect(missing.hasCage)
            let error = #expect(throws: PolicyError.self) {
                _ = try CageCompiler().compile(
                    builtIn("strict"), for: .example(workspace: "/w/x", state: "/root/s"),
                    host: .example(home: "/root"), missing: missing)
            }
            #expect(error?.detail == ["layer": layer.recordName, "errno": "1", "fix": "put it there"])
            let order = try CageCompiler().compile(
                builtIn("standard"), for: .example(workspace: "/w/x", state: "/root/s"), host: .example(home: "/root"),
                missing: missing)
            #expect(!order.layers.contains(layer))
            #expect(missing.degraded(try builtIn("standard")) == [layer.recordName])
        }
        for layer in MissingLayers.foundation { #expect(!MissingLayers([layer: finding]).hasCage) }
    }

    @Test func withoutANetworkNamespaceNoSocketLeadsOut() throws {
        let finding = MissingLayers.Finding(errno: 1, what: "it is not there", fix: "put it there")
        let order = try CageCompiler().compile(
            builtIn("standard"), for: .example(workspace: "/w/x", state: "/root/s"), host: .example(home: "/root"),
            missing: MissingLayers([.networkNamespace: finding]))
        #expect(order.listeners.map(\.kind) == [.unix])
        #expect(verdict(FilterMachine(order.seccomp), "socket", [2, 1, 0]) == .errno(Int(EAFNOSUPPORT)))
        // An open network needs none.
        let open = try CageCompiler().compile(
            builtIn("permissive"), for: .example(workspace: "/w/x", state: "/root/s"), host: .example(home: "/root"),
            missing: MissingLayers([.networkNamespace: finding]))
        #expect(verdict(FilterMachine(open.seccomp), "socket", [2, 1, 0]) == .allow)
    }
}
