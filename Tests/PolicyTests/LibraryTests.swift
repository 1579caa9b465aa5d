import Foundation
import ShepherdProtocol
import Testing

@testable import Policy

@Suite struct LibraryTests {
    private let directory: TemporaryDirectory
    private var library: PolicyLibrary { PolicyLibrary(directories: [directory.path]) }

    init() throws { directory = try TemporaryDirectory() }

    private func text(_ name: String) -> String {
        "schema = 1\nname = \"\(name)\"\ndescription = \"\"\nextends = \"strict\"\n"
    }

    @Test(arguments: PolicyLibrary.builtInNames)
    func builtInPoliciesLoad(name: String) throws {
        let loaded = try library.load(name)
        #expect(loaded.policy.name == name)
        #expect(loaded.source == .builtIn)
        let digest = try loaded.policy.digest()
        #expect(digest.hasPrefix("sha256:") && digest.utf8.count == 71)
        #expect(try library.load(name).policy.digest() == digest)
        #expect(try Policy(canonicalJSON: loaded.policy.canonicalJSON()) == loaded.policy)
    }

    @Test func theContractsNumbersHold() throws {
        let strict = try builtIn("strict")
        #expect(strict.limits.processes == 512)
        #expect(strict.limits.memory.description == "4G")
        #expect(strict.process.wallTime.description == "30m")
        #expect(strict.process.idleTime.description == "10m")
        #expect(strict.clocks.grace == 5_000_000_000)
        #expect(strict.outputOrder.head == 1 << 20 && strict.outputOrder.tail == 9 << 20)
        #expect(strict.limitOrder.memory == 4 << 30)
        let permissive = try builtIn("permissive")
        #expect(permissive.limitOrder.memory == .max && permissive.clocks.idle == .max)
    }

    @Test func everyDifferenceChangesTheDigest() throws {
        var policy = try builtIn("strict")
        let digest = try policy.digest()
        policy.environment.set["MY_KEY"] = "1"
        #expect(try policy.digest() != digest)
        #expect(try policy.canonicalJSON().contains("\"MY_KEY\""))
        #expect(try Policy(canonicalJSON: policy.canonicalJSON()) == policy)
    }

    /// Rows of a database that was written before there was the key.
    @Test func aFrozenPolicyWithoutTheLaterKeysEndsAsItDidThen() throws {
        var policy = try builtIn("strict")
        let text = try policy.canonicalJSON()
        let old = text.replacing("\"on_lost\":\"fail\",\"on_stragglers\":\"succeed\",", with: "")
        #expect(old != text)
        #expect(try Policy(canonicalJSON: old) == policy)
        policy.process.onLost = .retry
        #expect(try Policy(canonicalJSON: policy.canonicalJSON()).process.onLost == .retry)
        let unknown = text.replacing("\"on_lost\":\"fail\"", with: "\"on_lost\":\"again\"")
        #expect(throws: PolicyError.self) { try Policy(canonicalJSON: unknown) }
    }

    @Test func everyBuiltInPolicyLetsWhatWasLostEnd() throws {
        for name in PolicyLibrary.builtInNames {
            #expect(try builtIn(name).process.onLost == .fail)
            #expect(try builtIn(name).process.onStragglers == .succeed)
        }
        let order = PolicyOrder(host: .example(home: "/nowhere/u"))
        let policies = try Policy.Process.OnLost.allCases.map { word in
            try load(text("mine") + "[process]\non_lost = \"\(word.rawValue)\"\n")
        }
        #expect(order.standing(of: policies[0], to: policies[1]) == .stricter)
        #expect(order.standing(of: policies[2], to: policies[1]) == .looser)
        #expect(order.intersection(policies[2], policies[1]).process.onLost == .resume)
    }

    @Test func aNameIsFoundAndAFileIsRead() throws {
        let path = try directory.write("mine.toml", text("mine"))
        #expect(try library.load("mine").source == .file(path))
        #expect(try library.load(path).policy.name == "mine")
        #expect(try library.list().map(\.name) == PolicyLibrary.builtInNames + ["mine"])
    }

    @Test func theFirstDirectoryWins() throws {
        try directory.write("a/mine.toml", text("mine"))
        try directory.write("b/mine.toml", text("mine"))
        let both = PolicyLibrary(directories: ["a", "b"].map { directory.path + "/" + $0 })
        #expect(try both.load("mine").source == .file(directory.path + "/a/mine.toml"))
    }

    @Test(arguments: ["", "Strict", "a b", "..", "ü", "a_b", "-x\n", String(repeating: "a", count: 65)])
    func oddNamesAreRefused(name: String) {
        #expect(refusal { try library.load(name) }?.code == .config)
    }

    @Test func anUnknownNameSaysWhereWasSearched() {
        #expect(refusal { try library.load("nobody") }?.hint?.contains(directory.path) == true)
    }

    @Test func builtInNamesAreNotShadowed() throws {
        let path = try directory.write("strict.toml", text("strict"))
        #expect(refusal { try library.load("strict") }?.hint?.contains("rename") == true)
        #expect(refusal { try library.load(path) }?.detail["found"] == "strict")
    }

    @Test func nameAndFileNameAgree() throws {
        let path = try directory.write("mine.toml", text("yours"))
        #expect(refusal { try library.load(path) }?.detail["key"] == "name")
    }

    @Test func circlesAreFound() throws {
        try directory.write("a.toml", text("a").replacing("\"strict\"", with: "\"b\""))
        try directory.write("b.toml", text("b").replacing("\"strict\"", with: "\"a\""))
        #expect(refusal { try library.load("a") }?.detail["key"] == "extends")
        try directory.write("c.toml", text("c").replacing("\"strict\"", with: "\"c\""))
        #expect(refusal { try library.load("c") }?.detail["key"] == "extends")
    }

    @Test(arguments: [0o660, 0o606, 0o666] as [mode_t])
    func filesOthersCanWriteAreRefused(mode: mode_t) throws {
        let path = try directory.write("mine.toml", text("mine"), mode: mode)
        #expect(refusal { try library.load(path) }?.hint == "chmod go-w \(path)")
    }

    @Test(arguments: [0o775, 0o757, 0o777] as [mode_t])
    func directoriesOthersCanWriteAreRefused(mode: mode_t) throws {
        try directory.write("d/mine.toml", text("mine"))
        let inner = directory.path + "/d"
        #expect(chmod(inner, mode) == 0)
        let library = PolicyLibrary(directories: [inner])
        #expect(refusal { try library.load("mine") }?.hint == "chmod go-w \(inner)")
        #expect(refusal { try library.load(inner + "/mine.toml") }?.hint == "chmod go-w \(inner)")
        #expect(chmod(inner, mode | 0o1000) == 0)
        #expect(try library.load("mine").policy.name == "mine")
    }

    @Test func linksAndOtherKindsOfFilesAreRefused() throws {
        let path = try directory.write("mine.toml", text("mine"))
        let link = directory.path + "/link.toml"
        #expect(symlink(path, link) == 0)
        #expect(refusal { try library.load(link) }?.detail["found"] == "symlink")
        let dangling = directory.path + "/dangling.toml"
        #expect(symlink("/nowhere", dangling) == 0)
        #expect(refusal { try library.load("dangling") }?.detail["found"] == "symlink")
        let fifo = directory.path + "/fifo.toml"
        #expect(mkfifo(fifo, 0o600) == 0)
        #expect(refusal { try library.load(fifo) }?.code == .config)
        try directory.make("directory.toml")
        #expect(refusal { try library.load(directory.path + "/directory.toml") }?.code == .config)
        #expect(refusal { try library.load(directory.path + "/absent.toml") }?.code == .config)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
    func foreignFilesAreRefused() throws {
        let path = try directory.write("mine.toml", text("mine"))
        #expect(chown(path, 54_321, 0) == 0)
        #expect(refusal { try library.load(path) }?.detail["found"] == "uid 54321")
    }

    @Test(arguments: ["\0", "\\u0000", "\\U00000000"])
    func nulIsRefused(nul: String) throws {
        let path = try directory.write("mine.toml", text("mine") + "[network]\nmode = \"open\(nul)x\"\n")
        let error = refusal { try library.load(path) }
        #expect(error?.code == .config)
        #expect(error?.detail["line"] == "6")
    }

    @Test func otherEncodingsAndHugeFilesAreRefused() throws {
        let path = directory.path + "/mine.toml"
        try Data(Array(text("mine").utf8) + [0x23, 0xff, 0x0a]).write(to: URL(fileURLWithPath: path))
        #expect(chmod(path, 0o600) == 0)
        #expect(refusal { try library.load(path) }?.detail["bound"] == "UTF-8 text")
        let huge = try directory.write("huge.toml", text("huge") + String(repeating: "# filler\n", count: 40_000))
        #expect(refusal { try library.load(huge) }?.detail["bound"] == "at most 262144 bytes")
    }

    @Test(
        arguments: [
            (["CLAUDINE_CONFIG_DIR": "/c", "XDG_CONFIG_HOME": "/x", "HOME": "/h"], "/c/policies"),
            (["XDG_CONFIG_HOME": "/x", "HOME": "/h"], "/x/claudine/policies"),
            (["XDG_CONFIG_HOME": "relative", "HOME": "/h"], "/h/.config/claudine/policies"),
        ] as [([String: String], String)])
    func directoriesFollowTheEnvironment(environment: [String: String], first: String) {
        #expect(PolicyLibrary(environment: environment).directories == [first, "/etc/claudine/policies"])
    }

    @Test func withoutAnEnvironmentTheMachinesDirectoryIsLeft() {
        #expect(PolicyLibrary(environment: [:]).directories == ["/etc/claudine/policies"])
    }
}
