import Foundation
import Testing

@testable import Policy

@Suite struct LoaderTests {
    struct Mistake: CustomTestStringConvertible, Sendable {
        var replace: String
        var with: String
        var key: String
        var bound: String
        var found: String
        var testDescription: String { with }
    }

    /// Each changes one thing in the strict policy; the error has to name the key and stand on the changed line.
    @Test(arguments: [
        Mistake(replace: "schema = 1", with: "schema = 2", key: "schema", bound: "1 to 1", found: "2"),
        Mistake(replace: "name = \"strict\"", with: "name = \"Strict\"", key: "name", bound: "a-z", found: "Strict"),
        Mistake(replace: "name = \"strict\"", with: "name = 3", key: "name", bound: "string", found: "integer"),
        Mistake(
            replace: "wall_time = \"30m\"", with: "wall_tine = \"30m\"", key: "process.wall_tine", bound: "wall_time",
            found: "wall_tine"),
        Mistake(
            replace: "wall_time = \"30m\"", with: "wall_time = 30", key: "process.wall_time", bound: "30s",
            found: "integer"),
        Mistake(
            replace: "wall_time = \"30m\"", with: "wall_time = \"30\"", key: "process.wall_time", bound: "30s",
            found: "30"),
        Mistake(
            replace: "wall_time = \"30m\"", with: "wall_time = \"999ms\"", key: "process.wall_time",
            bound: "1s to unlimited", found: "999ms"),
        Mistake(
            replace: "kill_grace = \"5s\"", with: "kill_grace = \"unlimited\"", key: "process.kill_grace", bound: "30s",
            found: "unlimited"),
        Mistake(
            replace: "kill_grace = \"5s\"", with: "kill_grace = \"11m\"", key: "process.kill_grace", bound: "0s to 10m",
            found: "11m"),
        Mistake(replace: "nice = 10", with: "nice = 20", key: "process.nice", bound: "0 to 19", found: "20"),
        Mistake(
            replace: "nice = 10", with: "nice = 1.5", key: "process.nice", bound: "integer",
            found: "floating-point number"),
        Mistake(
            replace: "oom_score_adj = 1000", with: "oom_score_adj = -1", key: "process.oom_score_adj",
            bound: "0 to 1000", found: "-1"),
        Mistake(
            replace: "nested_sandbox = false", with: "nested_sandbox = \"no\"", key: "process.nested_sandbox",
            bound: "true or false", found: "string"),
        Mistake(
            replace: "on_lost = \"fail\"", with: "on_lost = \"again\"", key: "process.on_lost",
            bound: "fail, resume, retry", found: "again"),
        Mistake(
            replace: "on_stragglers = \"succeed\"", with: "on_stragglers = true", key: "process.on_stragglers",
            bound: "one of fail, succeed", found: "boolean"),
        Mistake(
            replace: "processes = 512", with: "processes = 15", key: "limits.processes", bound: "16 to 4194304",
            found: "15"),
        Mistake(
            replace: "processes = 512", with: "processes = \"512\"", key: "limits.processes", bound: "integer",
            found: "string"),
        Mistake(replace: "memory = \"4G\"", with: "memory = \"4g\"", key: "limits.memory", bound: "4G", found: "4g"),
        Mistake(
            replace: "memory = \"4G\"", with: "memory = \"1M\"", key: "limits.memory", bound: "16M to unlimited",
            found: "1M"),
        Mistake(
            replace: "head = \"1M\"", with: "head = \"unlimited\"", key: "limits.output.head", bound: "512M",
            found: "unlimited"),
        Mistake(
            replace: "root = \"system-ro\"", with: "root = \"system\"", key: "filesystem.root",
            bound: "system-ro, host-ro, host-rw", found: "system"),
        Mistake(
            replace: "disk = \"4G\"", with: "disk = \"0K\"", key: "limits.disk", bound: "1M to unlimited", found: "0K"),
        Mistake(
            replace: "cpu_weight = 50", with: "cpu_weight = 0", key: "limits.cpu_weight", bound: "1 to 10000",
            found: "0"),
        Mistake(
            replace: "denied = \"report\"", with: "denied = \"allow\"", key: "syscalls.denied",
            bound: "kill, report, eperm", found: "allow"),
        Mistake(replace: "read = []", with: "read = [\"data\"]", key: "filesystem.read", bound: "/", found: "data"),
        Mistake(
            replace: "read = []", with: "read = [\"/a/../../b\"]", key: "filesystem.read", bound: "..",
            found: "/a/../../b"),
        Mistake(replace: "read = []", with: "read = [\"~/..\"]", key: "filesystem.read", bound: "..", found: "~/.."),
        Mistake(
            replace: "read = []", with: "read = [\"/usr/a\", \"//usr/./b/../a/\"]", key: "filesystem.read",
            bound: "once", found: "/usr/a"),
        Mistake(
            replace: "read = []", with: "read = { add = [\"/a\"] }", key: "filesystem.read", bound: "a list",
            found: "table"),
        Mistake(replace: "read = []", with: "read = \"/a\"", key: "filesystem.read", bound: "add", found: "string"),
        Mistake(replace: "read = []", with: "read = [\"/\"]", key: "filesystem.read", bound: "everything", found: "/"),
        Mistake(
            replace: "read = []", with: "read = [{ path = \"/a\", option = true }]", key: "filesystem.read.option",
            bound: "path, optional", found: "option"),
        Mistake(replace: "read = []", with: "read = [3]", key: "filesystem.read", bound: "optional", found: "integer"),
        Mistake(
            replace: "deny = [\"@secrets\"]", with: "deny = [\"@secret\"]", key: "filesystem.deny", bound: "@secrets",
            found: "@secret"),
        Mistake(
            replace: "deny = [\"@secrets\"]", with: "deny = [\"@secrets\", \"@secrets\"]", key: "filesystem.deny",
            bound: "once", found: "@secrets"),
        Mistake(
            replace: "tmp = { size = \"1G\", exec = true }", with: "tmp = { size = \"1G\" }",
            key: "filesystem.tmp.exec", bound: "given", found: ""),
        Mistake(
            replace: "tmp = { size = \"1G\", exec = true }", with: "tmp = \"1G\"", key: "filesystem.tmp",
            bound: "table", found: "string"),
        Mistake(
            replace: "home = { mode = \"private\" }", with: "home = { mode = \"private\", size = \"1G\" }",
            key: "filesystem.home.size", bound: "memory", found: "size"),
        Mistake(
            replace: "home = { mode = \"private\" }", with: "home = { mode = \"memory\" }", key: "filesystem.home.size",
            bound: "given", found: ""),
        Mistake(
            replace: "mode = \"direct\"", with: "mode = \"review\"", key: "workspace.mode",
            bound: "scratch, readonly, direct", found: "review"),
        Mistake(
            replace: "protect = [\"@exec-on-open\"]", with: "protect = [\"../x\"]", key: "workspace.protect",
            bound: "..", found: "../x"),
        Mistake(
            replace: "protect = [\"@exec-on-open\"]", with: "protect = [\"/etc\"]", key: "workspace.protect",
            bound: "below", found: "/etc"),
        Mistake(
            replace: "mode = \"api-only\"", with: "mode = \"hosts\"", key: "network.mode",
            bound: "none, api-only, open", found: "hosts"),
        Mistake(
            replace: "api = \"gateway\"", with: "api = \"env\"", key: "credentials.api", bound: "gateway", found: "env"),
        Mistake(
            replace: "inherit = [\"LANG\"", with: "inherit = [\"LD_PRELOAD\"", key: "environment.inherit",
            bound: "code", found: "LD_PRELOAD"),
        Mistake(
            replace: "inherit = [\"LANG\"", with: "inherit = [\"HOME\"", key: "environment.inherit", bound: "cage",
            found: "HOME"),
        Mistake(
            replace: "inherit = [\"LANG\"", with: "inherit = [\"*\"", key: "environment.inherit", bound: "PREFIX*",
            found: "*"),
        Mistake(
            replace: "inherit = [\"LANG\"", with: "inherit = [\"ANTHROPIC_API_KEY\"", key: "environment.inherit",
            bound: "env", found: "ANTHROPIC_API_KEY"),
        Mistake(
            replace: "set = {}", with: "set = { PATH = \"/x\" }", key: "environment.set", bound: "cage", found: "PATH"),
        Mistake(replace: "set = {}", with: "set = { CI = 1 }", key: "environment.set", bound: "strings", found: "CI"),
        Mistake(
            replace: "set = {}", with: "set = { ANTHROPIC_API_KEY = \"x\" }", key: "environment.set", bound: "env",
            found: "ANTHROPIC_API_KEY"),
        Mistake(
            replace: "path = [\"/usr/local/sbin\"", with: "path = [\"bin\"", key: "environment.path", bound: "/",
            found: "bin"),
        Mistake(
            replace: "path = [\"/usr/local/sbin\"", with: "path = [\"/a:/b\"", key: "environment.path", bound: "colon",
            found: "/a:/b"),
        Mistake(
            replace: "profile = \"agent\"", with: "profile = \"docker\"", key: "syscalls.profile", bound: "agent",
            found: "docker"),
        Mistake(
            replace: "deny = []          #", with: "deny = [\"opne\"] #", key: "syscalls.deny", bound: "not known",
            found: "opne"),
        Mistake(
            replace: "allow = []         #", with: "allow = [\"o p\"] #", key: "syscalls.allow", bound: "system call",
            found: "o p"),
        Mistake(replace: "min_abi = 3", with: "min_abi = 0", key: "landlock.min_abi", bound: "1 to 16", found: "0"),
        Mistake(
            replace: "on_missing = \"refuse\"", with: "on_missing = \"ignore\"", key: "on_missing",
            bound: "refuse, degrade", found: "ignore"),
        Mistake(
            replace: "on_missing = \"refuse\"", with: "on_missing = 1", key: "on_missing", bound: "refuse, degrade",
            found: "integer"),
        Mistake(
            replace: "on_missing = \"refuse\"", with: "on_missing = { userns = \"refuse\" }", key: "on_missing.default",
            bound: "given", found: ""),
        Mistake(
            replace: "on_missing = \"refuse\"", with: "on_missing = { default = \"degrade\", usrns = \"refuse\" }",
            key: "on_missing.usrns", bound: "default, userns", found: "usrns"),
        Mistake(
            replace: "on_missing = \"refuse\"", with: "on_missing = { default = \"degrade\", notify = \"refuse\" }",
            key: "on_missing.notify", bound: "degrade", found: "refuse"),
        Mistake(
            replace: "require = [\"userns\"", with: "require = [\"notify\"", key: "require", bound: "never required",
            found: "notify"),
        Mistake(
            replace: "require = [\"userns\"", with: "require = [\"usrns\"", key: "require", bound: "userns",
            found: "usrns"),
    ])
    func mistakesAreNamed(mistake: Mistake) throws {
        let text = try builtInText("strict")
        let parts = text.split(separator: mistake.replace, maxSplits: 1)
        try #require(parts.count == 2, "the strict policy has no '\(mistake.replace)'")
        let line = parts[0].filter { $0 == "\n" }.count + 1
        let error = refusal { try load(parts[0] + mistake.with + parts[1]) }
        #expect(error?.code == .config)
        #expect(error?.exitCode == 78)
        #expect(error?.detail["file"] == "test.toml")
        #expect(error?.detail["key"] == mistake.key)
        #expect(error?.detail["line"] == String(line))
        #expect(error?.detail["bound"]?.contains(mistake.bound) == true, "\(error?.detail["bound"] ?? "")")
        #expect(error?.detail["found"] == mistake.found)
        #expect(error?.message.hasPrefix("test.toml:\(line): \(mistake.key): ") == true, "\(error?.message ?? "")")
    }

    @Test func duplicatesAndBrokenTextAreRefusedWithTheirLine() throws {
        let text = try builtInText("strict")
        let twice = text.replacing("nice = 10", with: "nice = 10\nnice = 3")
        let line = try #require(
            text.split(separator: "\n", omittingEmptySubsequences: false).firstIndex { $0.hasPrefix("nice") })
        #expect(refusal { try load(twice) }?.detail["line"] == String(line + 2))
        #expect(refusal { try load(text + "\n[network]\nmode = \"open\"\n") }?.code == .config)
        #expect(refusal { try load(text + "\n[claude]\nhooks = 1\n") }?.detail["key"] == "claude")
        #expect(refusal { try load("schema = ") }?.code == .config)
        #expect(refusal { try load("") }?.detail["key"] == "schema")
        #expect(refusal { try load("schema = 1\nname = \"x\"\ndescription = \"\"\n") }?.detail["key"] == "on_missing")
        #expect(refusal { try load("process = 3\n" + text) }?.code == .config)
    }

    @Test(arguments: [
        ("network.mode = \"none\"", "mode = \"api-only\"", "mode = \"none\"", "credentials.api"),
        ("open with netns required", "mode = \"api-only\"", "mode = \"open\"", "require"),
        ("off with seccomp required", "profile = \"agent\"", "profile = \"off\"", "require"),
        (
            "allowed and denied", "allow = []         # besides\ndeny = []", "allow = [\"bpf\"]\ndeny = [\"bpf\"]",
            "syscalls.deny"
        ),
    ])
    func contradictionsAreRefused(name: String, replace: String, with: String, key: String) throws {
        let text = try builtInText("strict")
        try #require(text.contains(replace))
        #expect(refusal { try load(text.replacing(replace, with: with)) }?.detail["key"] == key)
    }

    @Test func aPolicyInheritsWhatItDoesNotSay() throws {
        let policy = try load(
            """
            schema = 1
            name = "quick"
            description = "strict, but short"
            extends = "strict"
            [process]
            wall_time = "5m"
            [limits.output]
            limit = "1G"
            """)
        var expected = try builtIn("strict")
        expected.name = "quick"
        expected.description = "strict, but short"
        expected.process.wallTime = .limited(TimeSpan(milliseconds: 300_000))
        expected.limits.output.limit = .limited(ByteSize(bytes: 1 << 30))
        #expect(policy == expected)
    }

    @Test(
        arguments: [
            ("\"degrade\"", []),
            ("{ default = \"degrade\", seccomp = \"refuse\", pids = \"refuse\" }", [.seccomp, .processCap]),
            ("{ default = \"degrade\", landlock = \"refuse\" }", [.landlock]),
        ] as [(String, [Layer])])
    func aMissingLayerIsAnsweredForEach(text: String, refused: [Layer]) throws {
        let strict = try builtInText("strict").replacing("on_missing = \"refuse\"", with: "on_missing = " + text)
        #expect(try load(strict).onMissing.refused == refused)
        let extending = "schema = 1\nname = \"a\"\ndescription = \"\"\nextends = \"strict\"\n"
        let derived = try load(extending + "on_missing = { pids = \"degrade\", landlock = \"refuse\" }\n")
        #expect(!derived.onMissing.refused.contains(.processCap) && derived.onMissing.refused.contains(.landlock))
        #expect(derived.refuses(.processCap), "it is in require")
    }

    @Test func whatAPolicyMustHave() throws {
        for name in ["strict", "paranoid", "readonly"] {
            let policy = try builtIn(name)
            for layer in Layer.allCases where ![.landlock, .notification].contains(layer) {
                #expect(policy.refuses(layer), "\(name) \(layer)")
            }
            #expect(policy.refuses(.landlock) == (name == "paranoid"))
        }
        for name in ["standard", "permissive"] {
            let needed = Layer.allCases.filter(try builtIn(name).refuses)
            #expect(needed == [.noCapabilities, .noNewPrivileges, .seccomp, .resourceLimits])
        }
    }

    private func derived(_ lines: String) -> String {
        "schema = 1\nname = \"a\"\ndescription = \"\"\nextends = \"strict\"\n" + lines
    }

    @Test(arguments: ["/x/y", "/x/y/", "/x/y/.", "//x//y", "/x/./y", "/x/z/../y", "/q/../x/y//"])
    func aPathHasOneText(spelling: String) throws {
        let policy = try load(
            derived(
                "[filesystem]\nread = [\"\(spelling)\"]\nwrite = [{ path = \"\(spelling)\" }]\ndeny = [\"\(spelling)\"]\n"
            ))
        #expect(policy.filesystem.read == [PathGrant(path: "/x/y")])
        #expect(policy.filesystem.write == [PathGrant(path: "/x/y")])
        #expect(policy.filesystem.deny == ["/x/y"])
    }

    @Test(arguments: [("~", "~"), ("~/", "~"), ("~/.", "~"), ("~/a/../b", "~/b"), ("~//b/", "~/b")])
    func theHomeToo(spelling: String, path: String) throws {
        #expect(try load(derived("[filesystem]\ndeny = [\"\(spelling)\"]\n")).filesystem.deny == [path])
    }

    @Test(arguments: [".git", ".git/", "./.git", "a/../.git", ".git//."])
    func namesBelowTheWorkspaceToo(spelling: String) throws {
        #expect(try load(derived("[workspace]\nprotect = [\"\(spelling)\"]\n")).workspace.protect == [".git"])
    }

    /// `..` behind a link leads elsewhere for the kernel than for the reader.
    @Test func backOutOfALinkIsRefused() throws {
        let directory = try TemporaryDirectory()
        #expect(symlink("/usr/bin", directory.path + "/link") == 0)
        let text = "[filesystem]\nread = [\"\(directory.path)/link/../x\"]\n"
        #expect(refusal { try load(derived(text)) }?.detail["bound"]?.contains("symbolic link") == true)
    }

    @Test func listsAreReplacedOrChanged() throws {
        let strict = try builtIn("strict")
        func inherit(_ value: String) throws -> [String] {
            try load(derived("[environment]\ninherit = \(value)\n")).environment.inherit
        }
        #expect(try inherit("[\"A\"]") == ["A"])
        #expect(try inherit("{ add = [\"A\"] }") == strict.environment.inherit + ["A"])
        #expect(try inherit("{ remove = [\"TZ\"], add = [\"A\", \"B\"] }") == ["LANG", "LC_*", "TERM", "A", "B"])
        #expect(try inherit("{}") == strict.environment.inherit)
        for (mistake, key, found) in [
            ("{ remove = [\"X\"] }", "environment.inherit", "X"),
            ("{ add = [\"A\"], remove = [\"A\"] }", "environment.inherit", "A"),
            ("{ plus = [\"A\"] }", "environment.inherit.plus", "plus"),
            ("{ add = \"A\" }", "environment.inherit.add", "string"),
        ] {
            let error = refusal { try inherit(mistake) }
            #expect(error?.detail["key"]?.hasPrefix(key) == true && error?.detail["found"] == found, "\(mistake)")
        }
        let grants = try load(derived("[filesystem]\nread = { add = [{ path = \"~/x\", optional = true }] }\n"))
        #expect(grants.filesystem.read == [PathGrant(path: "~/x", optional: true)])
    }

    /// Someone who misspells a key is told of that key, not of the one that is now missing.
    @Test(arguments: [
        ("schema = 1\nnmae = \"a\"\n", "nmae", "2"), ("[limits]\nprocesess = 1\n", "limits.procesess", "2"),
        ("schema = 7\n[limits.output]\nhaed = 1\n", "limits.output.haed", "3"), ("[limit]\n", "limit", "1"),
        ("[filesystem.tmp]\nexecute = true\n", "filesystem.tmp.execute", "2"), ("x.y = 1\n", "x", "1"),
    ])
    func anUnknownKeyComesFirst(text: String, key: String, line: String) {
        let error = refusal { try load(text) }
        #expect(error?.message.contains("unknown key") == true)
        #expect(error?.detail["key"] == key && error?.detail["line"] == line)
    }

    /// Whatever is done to a file, it is loaded with all bounds in force, or refused with its place.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func noMutationGetsThrough(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let names = PolicyLibrary.builtInNames
        for round in 0..<150 {
            var bytes = Array(try builtInText(names[round % names.count]).utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, &random) }
            do {
                let policy = try load(try TrustedFile.text(bytes, of: "test.toml"))
                #expect((16...4_194_304).contains(policy.limits.processes))
                #expect((0...19).contains(policy.process.nice))
                #expect(PolicyName.isValid(policy.name))
                #expect(policy.process.wallTime >= .limited(TimeSpan(milliseconds: 1_000)))
                #expect(policy.limits.memory >= .limited(ByteSize(bytes: 16 << 20)))
                #expect(try Policy(canonicalJSON: policy.canonicalJSON()) == policy)
            } catch let error as PolicyError {
                #expect(error.code == .config)
                #expect(error.detail["line"].flatMap { Int($0) } ?? 0 > 0, "\(error)")
            }
        }
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let at = Int.random(in: 0..<bytes.count, using: &random)
        let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.removeSubrange(at..<end)
        case 3: bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
        case 4: bytes.removeLast(bytes.count - at)
        default:
            let words = [
                "[", "]", "\"", "=", "{", "\n", "unlimited", "-1", "true", "\\u0000", "''' ", "#", "@secrets", ".",
            ]
            bytes.insert(contentsOf: Array((words.randomElement(using: &random) ?? "").utf8), at: at)
        }
    }

    /// The rest of what the reader refuses is its own tests' business; here it has to arrive with its place.
    @Test(arguments: ["[.x]", "x = ,", "x = ]", "x = tru", "\u{0}"])
    func brokenLinesAreRefused(line: String) throws {
        let error = refusal { try load("schema = 1\n\n" + line + "\n") }
        #expect(error?.code == .config)
        #expect(error?.detail["line"] == "3")
        #expect(error?.message.hasPrefix("test.toml:3: ") == true)
    }
}
