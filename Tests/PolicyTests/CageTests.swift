import Foundation
import ShepherdProtocol
import Testing

@testable import Policy

/// What the steps of an order make visible, by the kernel's rule that the last mount over a path wins.
struct MountedView {
    var steps: [MountStep]

    /// The path of the host seen at a path of the cage, and whether it can be written; nil where nothing of the host is.
    func host(at path: String) -> (path: String, readOnly: Bool)? {
        var seen: (path: String, readOnly: Bool)?
        for step in steps where step.kind != .seal && step.kind != .symlink && step.kind != .directory {
            let target = String(decoding: step.target, as: UTF8.self)
            guard path == target || path.hasPrefix(target == "/" ? "/" : target + "/") else { continue }
            let source = String(decoding: step.source, as: UTF8.self)
            switch step.kind {
            case .hostRoot: seen = (path, step.flags.contains(.readOnly))
            case .bind: seen = (source + path.dropFirst(target.count), step.flags.contains(.readOnly))
            default: seen = nil
            }
        }
        return seen
    }
}

extension HostFacts {
    /// A merged-usr machine that does not exist.
    static func example(home: String?, landlock: Int = 7) -> HostFacts {
        let directories = [
            "usr", "etc", "opt", "home", "root", "var", "tmp", "run", "srv", "mnt", "proc", "sys", "dev",
        ]
        var top = Dictionary(uniqueKeysWithValues: directories.map { ($0, Entry.directory) })
        for name in ["bin", "sbin", "lib", "lib64"] { top[name] = .link("usr/" + name) }
        return HostFacts(
            landlockABI: landlock, home: home, top: top,
            privateDirectories: ["/tmp", "/var/tmp", "/run", "/home", "/root", "/mnt", "/srv"],
            resolver: "/run/resolve/stub.conf", hostKeys: ["/etc/ssh/example_key"], hardLimits: [:])
    }
}

extension CageRequest {
    static func example(workspace: String, state: String, programs: [String] = []) -> CageRequest {
        CageRequest(
            workspace: workspace, home: state + "/attempts/t/home", passwd: state + "/attempts/t/1/etc/passwd",
            group: state + "/attempts/t/1/etc/group", workerUid: 1_000, workerGid: 1_001, stateDirectory: state,
            programs: programs)
    }
}

@Suite struct CageTests {
    private func text(_ bytes: Bytes) -> String { String(decoding: bytes, as: UTF8.self) }

    private func order(
        _ name: String, workspace: String = "/work/project", state: String = "/root/.local/state/claudine",
        home: String? = "/root", programs: [String] = [], change: (inout Policy) -> Void = { _ in }
    ) throws -> CageOrder {
        var policy = try builtIn(name)
        change(&policy)
        return try CageCompiler().compile(
            policy, for: .example(workspace: workspace, state: state, programs: programs),
            host: .example(home: home))
    }

    /// Whatever lies where: the workspace and the home are seen, the state and the secrets are not, sealing comes last.
    @Test(arguments: 0..<6 as Range<UInt64>)
    func theViewIsRightWhereverThingsLie(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let homes: [String?] = ["/root", "/home/u", "/opt/ci", "/var/lib/ci", "/data/people/u", "/usr/sbin", nil]
        let workspaces = [
            "/root/x", "/home/u/p/q", "/home/v", "/tmp/w", "/var/tmp/a/b", "/srv", "/mnt/d/x", "/work/p",
            "/opt/ci/x", "/data/people/u/x", "/usr/src/app", "/var/lib/ci/w", "/run/w", "/etc/nixos",
        ]
        let states = [
            "/root/.local/state/claudine", "/home/u/.local/state/claudine", "/var/lib/claudine", "/srv/claudine",
            "/tmp/s/state", "/opt/ci/state", "/data/people/u/.state", "/work/state",
        ]
        let programs = [
            "/home/u/.local/share/agent", "/root/bin/agent", "/usr/lib/agent", "/opt/agent/bin", "/tmp/agent",
            "/work/p/node_modules/agent", "/data/agent", "/usr/src", "/home/u/p", "/mnt/d", "/var/lib/ci/w/bin",
        ]
        for _ in 0..<150 {
            let (home, workspace) = (
                homes[Int.random(in: 0..<7, using: &random)], workspaces.randomElement(using: &random) ?? ""
            )
            let state = states.randomElement(using: &random) ?? ""
            let shown = programs.shuffled(using: &random).prefix(Int.random(in: 0..<5, using: &random)).filter {
                program in
                ![home, state].contains { $0.map { RealPath.isPath($0, within: program) } ?? false }
            }
            let inside = RealPath.isPath(workspace, within: state) || RealPath.isPath(state, within: workspace)
            guard !inside, workspace != home else { continue }
            let name = PolicyLibrary.builtInNames.randomElement(using: &random) ?? ""
            let mode = Policy.Workspace.Mode.allCases.randomElement(using: &random) ?? .direct
            let order = try order(name, workspace: workspace, state: state, home: home, programs: Array(shown)) {
                $0.workspace.mode = mode
                $0.workspace.size = mode == .scratch ? ByteSize(bytes: 1 << 20) : nil
            }
            let view = MountedView(steps: order.mounts)
            let scene: Comment = "\(name) \(workspace) \(state) \(home ?? "-") \(shown)"

            let seen = view.host(at: workspace + "/file")
            #expect(seen?.path == (mode == .scratch ? nil : workspace + "/file"), scene)
            #expect(seen.map { $0.readOnly == (mode == .readonly) } ?? true, scene)
            let kept = name == "paranoid" ? nil : state + "/attempts/t/home/.claude"
            #expect(view.host(at: "/home/agent/.claude")?.path == kept, scene)
            #expect(view.host(at: "/etc/passwd")?.path == state + "/attempts/t/1/etc/passwd", scene)
            for secret in [
                state, state + "/claudine.db", state + "/attempts/other/home", "/etc/shadow", "/etc/ssh/example_key",
            ] {
                #expect(view.host(at: secret)?.path != secret, scene)
            }
            if let home {
                for secret in [".ssh/id", ".aws", ".claude/.credentials.json", ".netrc"] {
                    #expect(view.host(at: home + "/" + secret)?.path != home + "/" + secret, scene)
                }
            }
            for program in shown { #expect(view.host(at: program)?.path == program, scene) }
            for place in ["/tmp/x", "/home/other", "/root/other", "/sys/kernel", "/proc/1", "/dev/sda"]
            where !([workspace] + shown).contains(where: { RealPath.isPath(place, within: $0) }) {
                #expect(view.host(at: place) == nil, scene)
            }
            checkOrder(order.mounts, scene)
        }
    }

    /// Each path is mounted once, the root first, parents before what is in them, seals last and on skeletons only.
    private func checkOrder(_ steps: [MountStep], _ scene: Comment) {
        let targets = steps.filter { $0.kind != .seal }.map { text($0.target) }
        #expect(Set(targets).count == targets.count, scene)
        #expect(targets.first == "/", scene)
        for (index, target) in targets.enumerated() {
            #expect(!targets[..<index].contains { $0.hasPrefix(target + "/") }, scene)
        }
        let firstSeal = steps.firstIndex { $0.kind == .seal } ?? steps.count
        #expect(steps[firstSeal...].allSatisfy { $0.kind == .seal }, scene)
        for seal in steps[firstSeal...] {
            let sealed = steps[..<firstSeal].first { $0.target == seal.target }
            #expect(sealed?.kind == .tmpfs || sealed?.kind == .tmpfsRoot, scene)
            #expect(sealed?.mode == 0o755, scene)
        }
        // Every empty directory of ours that the worker could fill is sealed or read-only.
        for step in steps where step.kind == .tmpfs && !["/tmp", "/var/tmp", "/home/agent"].contains(text(step.target))
        {
            let isSealed = steps[firstSeal...].contains { $0.target == step.target }
            let isScratch = scene.rawValue.contains(" \(text(step.target)) ") && step.size == 1 << 20
            #expect(isSealed || step.flags.contains(.readOnly) || isScratch, scene)
        }
    }

    @Test func anEmptyRootShowsTheSystemOnly() throws {
        let view = MountedView(steps: try order("strict").mounts)
        for path in ["/usr/bin/env", "/etc/ssl/certs", "/opt/tool"] { #expect(view.host(at: path)?.readOnly == true) }
        for path in ["/var/log", "/work/other", "/boot", "/data"] { #expect(view.host(at: path) == nil) }
        let links = try order("strict").mounts.filter { $0.kind == .symlink }.map { (text($0.target), text($0.source)) }
        #expect(links.contains { $0 == ("/bin", "usr/bin") } && links.contains { $0 == ("/var/run", "/run") })
    }

    @Test func aMinimalRootShowsLess() throws {
        let view = MountedView(steps: try order("paranoid").mounts)
        #expect(view.host(at: "/usr/bin/env")?.readOnly == true)
        #expect(view.host(at: "/etc/nsswitch.conf")?.readOnly == true)
        for path in ["/usr/local/bin/x", "/opt/tool", "/etc/fstab", "/etc/ssh/ssh_config", "/etc/crontab", "/var/log"] {
            #expect(view.host(at: path) == nil, "\(path)")
        }
    }

    @Test func namespacesFollowTheNetwork() throws {
        #expect(try order("strict").namespaces == 0x7e02_0000)
        #expect(try order("permissive").namespaces == 0x3e02_0000)
        #expect(try order("strict").layers == Layer.allCases.filter { $0 != .notification })
        #expect(!(try order("permissive").layers.contains(.networkNamespace)))
    }

    @Test func listenersFollowTheNetwork() throws {
        #expect(try order("strict").listeners.map(\.kind) == [.unix, .loopback4, .loopback6])
        #expect(try order("strict").listeners.map(\.port) == [0, 80, 80])
        #expect(text(try order("strict").listeners[0].path) == "/run/claudine/api.sock")
        #expect(try order("permissive").listeners.map(\.kind) == [.unix])
        let none = try order("strict") {
            $0.network.mode = .none
            $0.credentials.api = .none
        }
        #expect(none.listeners.isEmpty)
        let directory = try order("standard").mounts.firstIndex { text($0.target) == "/run/claudine" }
        let seal = try order("standard").mounts.firstIndex { $0.kind == .seal && text($0.target) == "/run" }
        #expect(try #require(directory) < #require(seal))
    }

    @Test func namesAreResolvedWithTheHostsNetwork() throws {
        let open = MountedView(steps: try order("permissive").mounts)
        #expect(open.host(at: "/run/resolve/stub.conf")?.path == "/run/resolve/stub.conf")
        #expect(MountedView(steps: try order("standard").mounts).host(at: "/run/resolve/stub.conf") == nil)
    }

    @Test func limitsAreThereAndAddressSpaceIsNot() throws {
        let limits = try order("strict") { $0.limits.cpuTime = .limited(TimeSpan(milliseconds: 1_500)) }.rlimits
        func limit(_ resource: UInt32) -> ResourceLimit? { limits.first { $0.resource == resource } }
        #expect(limit(ResourceName.core)?.hard == 0)
        #expect(limit(ResourceName.openFiles)?.soft == 4_096)
        #expect(limit(ResourceName.fileSize)?.hard == 2 << 30)
        #expect(limit(ResourceName.processes)?.hard == 512)
        #expect(limit(ResourceName.lockedMemory)?.hard == 65_536)
        #expect(limit(ResourceName.realTimePriority)?.hard == 0)
        #expect(limit(ResourceName.cpu).map { [$0.soft, $0.hard] } == [2, 7])
        #expect(limit(UInt32(RLIMIT_AS.rawValue)) == nil)
        #expect(try order("strict").pidMax == 512)
        #expect(try order("strict") { $0.limits.processes = 64 }.pidMax == 301)
    }

    @Test func noLimitIsAboveTheCallers() throws {
        var host = HostFacts.example(home: "/root")
        host.hardLimits = [ResourceName.openFiles: 1_024, ResourceName.fileSize: 1 << 20]
        let order = try CageCompiler().compile(
            builtIn("permissive"), for: .example(workspace: "/w/x", state: "/root/s"), host: host)
        #expect(order.rlimits.first { $0.resource == ResourceName.openFiles }?.hard == 1_024)
        #expect(order.rlimits.first { $0.resource == ResourceName.fileSize }?.hard == 1 << 20)
    }

    @Test(
        arguments: [
            (0, 0, 0), (1, 0x1fff, 0), (2, 0x3fff, 0), (3, 0x7fff, 0), (5, 0xffff, 0), (6, 0xffff, 3), (9, 0xffff, 3),
        ] as [(Int, UInt64, UInt64)])
    func landlockFitsTheKernel(abi: Int, files: UInt64, scopes: UInt64) throws {
        let order = try CageCompiler().compile(
            builtIn("strict"), for: .example(workspace: "/w/x", state: "/root/s"),
            host: .example(home: "/root", landlock: abi)
        ).landlock
        #expect(order.handledFiles == files)
        #expect(order.scoped == scopes)
        #expect(order.handledNetwork == 0)
        #expect(order.rules.allSatisfy { $0.rights & ~files == 0 })
        guard files != 0 else { return }
        func rights(_ path: String) -> UInt64? { order.rules.first { text($0.path) == path }?.rights }
        #expect(rights("/w/x").map { $0 & 2 } == 2)
        #expect(rights("/usr").map { $0 & 7 } == 5)
        #expect(rights("/").map { $0 } == 8)
        #expect(rights("/etc").map { $0 & 2 } == 0)
    }

    @Test func landlockLeavesNestedSandboxesTheirMounts() throws {
        let order = try order("standard") { $0.process.nestedSandbox = true }
        #expect(order.landlock.handledFiles == 0 && order.landlock.scoped == 3)
        #expect(order.nesting)
    }

    @Test func aRequiredLandlockThatIsMissingIsRefused() throws {
        var policy = try builtIn("strict")
        policy.require.append(.landlock)
        let error = refusal {
            try CageCompiler().compile(
                policy, for: .example(workspace: "/w/x", state: "/root/s"), host: .example(home: "/root", landlock: 2))
        }
        #expect(error?.code == .policy)
        #expect(error?.detail["layer"] == "landlock")
        #expect(error?.detail["fix"]?.isEmpty == false)
    }

    @Test func nobodyIsRoot() throws {
        var request = CageRequest.example(workspace: "/w/x", state: "/root/s")
        request.workerUid = 0
        let error = refusal {
            try CageCompiler().compile(builtIn("strict"), for: request, host: .example(home: "/root"))
        }
        #expect(error?.code == .policy)
    }

    @Test func protectedNamesAreReadOnlyAndPinned() throws {
        let directory = try TemporaryDirectory()
        let workspace = try directory.make("ws")
        try directory.make("ws/.git/hooks")
        try directory.write("ws/.git/config", "")
        try directory.make("outside")
        #expect(symlink(directory.path + "/outside", workspace + "/.claude") == 0)
        let order = try order("strict", workspace: workspace, state: "/root/s")
        let view = MountedView(steps: order.mounts)
        #expect(view.host(at: workspace + "/.git/hooks/pre-commit")?.readOnly == true)
        #expect(view.host(at: workspace + "/.git/config")?.readOnly == true)
        #expect(view.host(at: workspace + "/.git/index")?.readOnly == false)
        #expect(order.mounts.contains { $0.kind == .bind && text($0.target) == workspace + "/.git" })
        #expect(!order.mounts.contains { text($0.source).contains("outside") || text($0.target).contains(".claude") })
        checkOrder(order.mounts, "protected")
    }

    @Test func grantsAreResolvedAndDeniedPathsWin() throws {
        let directory = try TemporaryDirectory()
        let data = try directory.make("data")
        try directory.make("data/secret")
        let link = directory.path + "/link"
        #expect(symlink(data, link) == 0)
        let order = try order("strict", state: "/root/s", home: directory.path) {
            $0.filesystem.read = [PathGrant(path: link), PathGrant(path: "/nowhere/at/all", optional: true)]
            $0.filesystem.deny.append("~/data/secret")
        }
        let view = MountedView(steps: order.mounts)
        #expect(view.host(at: data + "/x")?.readOnly == true)
        #expect(view.host(at: data + "/secret/x") == nil)

        #expect(
            refusal { try self.order("strict") { $0.filesystem.read = [PathGrant(path: "/nowhere/at/all")] } }?.code
                == .config)
        #expect(
            refusal {
                try self.order("strict", home: directory.path) {
                    $0.filesystem.deny.append("~/data")
                    $0.filesystem.write = [PathGrant(path: "~/data/secret")]
                }
            }?.detail["bound"] == "not denied")
        #expect(
            refusal {
                try self.order("strict", state: data) { $0.filesystem.read = [PathGrant(path: data + "/secret")] }
            }?.code == .config)
        #expect(
            refusal { try self.order("strict") { $0.filesystem.read = [PathGrant(path: "/home")] } }?.code == .config)
    }

    @Test(arguments: ["/root", "/", "/home", "/root/.local", "/root/.local/state/claudine/x"])
    func programsDoNotOpenTheHome(program: String) {
        #expect(refusal { try order("standard", programs: [program]) }?.code == .policy)
    }

    @Test func aStateDirectoryBehindALinkIsHiddenToo() throws {
        let directory = try TemporaryDirectory()
        try directory.make("real/state")
        #expect(symlink(directory.path + "/real", directory.path + "/link") == 0)
        let order = try order("strict", state: directory.path + "/link/state") {
            $0.filesystem.read = [PathGrant(path: directory.path + "/real")]
        }
        let view = MountedView(steps: order.mounts)
        #expect(view.host(at: directory.path + "/real/other") != nil)
        #expect(view.host(at: directory.path + "/real/state/claudine.db") == nil)
    }

    @Test func aWorkspaceInASecretIsRefused() {
        #expect(refusal { try order("strict", workspace: "/root/.ssh/x") }?.code == .workspace)
    }

    @Test func theSameOrderEveryTime() throws {
        #expect(try order("standard") == order("standard"))
    }

    @Test func thisMachineCompiles() throws {
        let host = HostFacts.current(home: "/root")
        for name in PolicyLibrary.builtInNames {
            let order = try CageCompiler().compile(
                builtIn(name), for: .example(workspace: "/w/x", state: "/var/lib/claudine"), host: host)
            checkOrder(order.mounts, "here")
        }
    }
}
