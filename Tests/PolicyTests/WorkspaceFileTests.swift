import Foundation
import Testing

@testable import Policy

@Suite struct WorkspaceFileTests {
    private let directory: TemporaryDirectory
    private let host = HostFacts.example(home: "/nowhere/u")

    init() throws { directory = try TemporaryDirectory() }

    private func tighten(_ text: String, _ policy: String = "standard") throws -> WorkspaceFile.Tightened? {
        try directory.write(WorkspaceFile.name, text, mode: 0o666)
        return try WorkspaceFile.tighten(try builtIn(policy), in: directory.path, host: host)
    }

    @Test func withoutAFileNothingChanges() throws {
        #expect(try WorkspaceFile.tighten(try builtIn("strict"), in: directory.path, host: host) == nil)
        #expect(try tighten("")?.changes == [])
        #expect(try tighten("schema = 1\n[limits]\nmemory = \"8G\"\n")?.changes == [], "as strict as it was")
    }

    @Test func whatIsStricterIsTaken() throws {
        let text = """
            require = ["landlock"]
            [process]
            wall_time = "5m"
            [filesystem]
            deny = ["/q/secret", "@secrets"]
            root = "minimal"
            [workspace]
            protect = ["Makefile"]
            [network]
            mode = "none"
            [environment]
            inherit = ["LC_ALL"]
            [syscalls]
            deny = ["splice"]
            """
        let tightened = try #require(try tighten(text))
        var expected = try builtIn("standard")
        expected.require.append(.landlock)
        expected.process.wallTime = .limited(TimeSpan(milliseconds: 300_000))
        expected.filesystem.deny.append("/q/secret")
        expected.filesystem.root = .minimal
        expected.workspace.protect.append("Makefile")
        expected.network.mode = .none
        expected.credentials.api = .none
        expected.environment.inherit = ["LC_ALL"]
        expected.syscalls.deny = ["splice"]
        #expect(tightened.policy == expected)
        #expect(
            tightened.changes.map(\.key) == [
                "on_missing", "require", "process.wall_time", "filesystem.root", "filesystem.deny", "workspace.protect",
                "network.mode", "credentials.api", "environment.inherit", "syscalls.deny",
            ])
    }

    struct Loosening: Sendable, CustomTestStringConvertible {
        var text: String
        var key: String
        var line: String
        var bound: String
        var found: String
        var testDescription: String { text }
    }

    /// Against `standard`.
    @Test(arguments: [
        Loosening(
            text: "[limits]\nmemory = \"16G\"", key: "limits.memory", line: "2", bound: "\"8G\"", found: "\"16G\""),
        Loosening(
            text: "[limits]\nmemory = \"unlimited\"", key: "limits.memory", line: "2", bound: "\"8G\"",
            found: "\"unlimited\""),
        Loosening(
            text: "on_missing = \"degrade\"\n[process]\nnice = 4", key: "process.nice", line: "3", bound: "5",
            found: "4"),
        Loosening(
            text: "process.on_lost = \"retry\"", key: "process.on_lost", line: "1", bound: "\"fail\"",
            found: "\"retry\""),
        Loosening(
            text: "[network]\nmode = \"open\"", key: "network.mode", line: "2", bound: "\"api-only\"", found: "\"open\""
        ),
        Loosening(
            text: "credentials.api = \"env\"", key: "credentials.api", line: "1", bound: "\"gateway\"", found: "\"env\""
        ),
        Loosening(
            text: "[filesystem]\nread = [\"/q\"]", key: "filesystem.read", line: "2", bound: "[]", found: "[\"/q\"]"),
        Loosening(
            text: "[filesystem]\n\ndeny = { remove = [\"@secrets\"] }", key: "filesystem.deny", line: "3",
            bound: "[\"@secrets\"]", found: "[]"),
        Loosening(
            text: "[environment]\ninherit = [\"LANG\", \"AWS_*\"]", key: "environment.inherit", line: "2",
            bound: "[\"LANG\", \"LC_*\", \"TZ\", \"TERM\", \"COLORTERM\"]", found: "[\"LANG\", \"AWS_*\"]"),
        Loosening(
            text: "[environment]\nset = { A = \"1\" }", key: "environment.set", line: "2", bound: "{}",
            found: "{ A = \"1\" }"),
        Loosening(
            text: "[syscalls]\nallow = [\"bpf\"]", key: "syscalls.allow", line: "2", bound: "[]", found: "[\"bpf\"]"),
        Loosening(
            text: "[environment]\npath = [\"/usr/bin\", \"/q/bin\"]", key: "environment.path", line: "2",
            bound:
                "[\"/usr/local/sbin\", \"/usr/local/bin\", \"/usr/sbin\", \"/usr/bin\", \"/sbin\", \"/bin\"]",
            found: "[\"/usr/bin\", \"/q/bin\"]"),
    ])
    func whatIsLooserIsRefused(loosening: Loosening) throws {
        let error = refusal { try tighten(loosening.text + "\n") }
        #expect(error?.code == .ceiling)
        #expect(error?.detail["file"] == directory.path + "/" + WorkspaceFile.name)
        #expect(error?.detail["line"] == loosening.line && error?.detail["key"] == loosening.key)
        #expect(error?.detail["bound"] == loosening.bound && error?.detail["found"] == loosening.found)
    }

    @Test(arguments: [
        ("name = \"x\"", "name"), ("extends = \"permissive\"", "extends"), ("description = \"\"", "description"),
        ("schema = 2", "schema"), ("[limit]\n", "limit"), ("[limits]\nmemory = 8", "limits.memory"),
        ("[workspace]\nmode = \"scratch\"", "workspace.size"), ("[syscalls]\nprofile = \"none\"", "syscalls.profile"),
    ])
    func whatIsNotUnderstoodIsRefused(text: String, key: String) {
        let error = refusal { try tighten(text + "\n") }
        #expect(error?.code == .config)
        #expect(error?.detail["key"] == key)
        #expect(error?.detail["line"].flatMap { Int($0) } ?? 0 > 0)
    }

    /// Whatever is there, nothing waits for it and no link is followed.
    @Test func otherKindsOfFilesAreRefused() throws {
        let path = directory.path + "/" + WorkspaceFile.name
        func expectRefusal(_ bound: String = "a regular file") throws {
            let error = refusal { try WorkspaceFile.tighten(try builtIn("strict"), in: directory.path, host: host) }
            #expect(error?.code == .config && error?.detail["bound"] == bound)
            try FileManager.default.removeItem(atPath: path)
        }
        #expect(symlink("/etc/hostname", path) == 0)
        try expectRefusal()
        #expect(symlink("/nowhere", path) == 0)
        try expectRefusal()
        #expect(mkfifo(path, 0o600) == 0)
        try expectRefusal()
        try directory.make(WorkspaceFile.name)
        try expectRefusal()
        try directory.write(WorkspaceFile.name, String(repeating: "#", count: 300_000))
        try expectRefusal("at most 262144 bytes")
    }

    /// Whatever a file says, the task is refused or gets a policy that is at least as strict.
    @Test(arguments: 0..<4 as Range<UInt64>)
    func nothingLoosens(seed: UInt64) throws {
        let order = PolicyOrder(host: host)
        var policies = RandomPolicies(seed: seed)
        for _ in 0..<25 {
            let base = try policies.next()
            let text = policies.neighbour(of: base).toml.split(separator: "\n", omittingEmptySubsequences: false)
                .filter { !$0.hasPrefix("name =") && !$0.hasPrefix("description =") }.joined(separator: "\n")
            try directory.write(WorkspaceFile.name, text)
            do throws(PolicyError) {
                let tightened = try WorkspaceFile.tighten(base, in: directory.path, host: host)
                #expect(tightened.map { order.isAtLeastAsStrict($0.policy, as: base) } == true)
            } catch {
                #expect(error.code == .ceiling || error.code == .config)
            }
        }
    }
}
