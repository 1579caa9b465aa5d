import Digests
import Testing

@testable import Policy

@Suite struct EnvironmentTests {
    private let caller = [
        "HOME": "/root", "PATH": "/evil", "LANG": "C.UTF-8", "LC_ALL": "C", "LCX": "no", "TERM": "xterm", "TZ": "UTC",
        "ANTHROPIC_API_KEY": "sk-secret", "GITHUB_TOKEN": "ghp", "LD_PRELOAD": "/evil.so", "SSH_AUTH_SOCK": "/s",
        "CLAUDINE_NONCE": "x", "MY_VARIABLE": "mine",
    ]

    private func variables(_ policy: Policy, _ requests: [String] = []) throws -> [String: String] {
        let parsed = try requests.map { try EnvironmentRequest(parsing: $0) }
        return try CageEnvironment(policy: policy, caller: caller, requests: parsed).variables
    }

    @Test func itStartsFromNothing() throws {
        let names = try variables(builtIn("strict")).keys.sorted()
        #expect(names == ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"])
        let entries = try CageEnvironment(policy: builtIn("strict"), caller: caller).entries.map {
            String(decoding: $0, as: UTF8.self)
        }
        #expect(entries.contains("HOME=/home/agent") && entries.contains("USER=agent"))
        #expect(entries.contains("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))
        #expect(!entries.contains { $0.contains("secret") || $0.contains("evil") })
    }

    @Test func requestsAreTaken() throws {
        let result = try variables(
            builtIn("strict"),
            ["MY_VARIABLE", "GITHUB_TOKEN", "A=1", "B=", "C=a=b", "LD_PRELOAD=/mine.so", "ABSENT", "LANG=de"])
        #expect(result["MY_VARIABLE"] == "mine" && result["GITHUB_TOKEN"] == "ghp")
        #expect(result["A"] == "1" && result["B"]?.isEmpty == true && result["C"] == "a=b")
        #expect(result["LD_PRELOAD"] == "/mine.so" && result["ABSENT"] == nil && result["LANG"] == "de")
    }

    @Test(arguments: [
        ("ANTHROPIC_API_KEY", PolicyError.Code.policy), ("ANTHROPIC_API_KEY=x", .policy),
        ("ANTHROPIC_AUTH_TOKEN", .policy), ("CLAUDE_CODE_OAUTH_TOKEN", .policy), ("LD_PRELOAD", .policy),
        ("LD_LIBRARY_PATH", .policy), ("BASH_ENV", .policy), ("NODE_OPTIONS", .policy), ("HOME=/x", .config),
        ("PATH", .config), ("CLAUDINE_NONCE=1", .config), ("", .config), ("=x", .config), ("1A=x", .config),
        ("A-B=x", .config), ("A B", .config), ("A=\0", .config), ("Ä=1", .config),
    ])
    func whatStaysOutsideIsRefused(request: String, code: PolicyError.Code) {
        #expect(refusal { try variables(builtIn("strict"), [request]) }?.code == code)
    }

    @Test func onlyCredentialsFromTheEnvironmentAreInherited() throws {
        var policy = try builtIn("permissive")
        #expect(try variables(policy)["ANTHROPIC_API_KEY"] == nil)
        policy.credentials.api = .environment
        #expect(try variables(policy)["ANTHROPIC_API_KEY"] == "sk-secret")
    }

    @Test func thePolicySetsAndTheAgentAdds() throws {
        var policy = try builtIn("strict")
        policy.environment.set = ["CI": "1", "LANG": "C"]
        var environment = try CageEnvironment(policy: policy, caller: caller)
        environment.add(["ANTHROPIC_BASE_URL": "http://localhost", "HOME": "/x", "CLAUDINE_NONCE": "n"])
        #expect(environment.variables["CI"] == "1" && environment.variables["LANG"] == "C")
        #expect(environment.variables["ANTHROPIC_BASE_URL"] == "http://localhost")
        #expect(environment.variables["HOME"] == "/home/agent" && environment.variables["CLAUDINE_NONCE"] == "n")
    }

    @Test func accountsNameTheWorkerFirst() {
        let host = "root:x:0:0:root:/root:/bin/bash\nagent:x:5:5::/x:/bin/sh\n\nagents:x:6:6::/y:/bin/sh\nbroken\n"
        let passwd = AccountFiles.passwdFile(hostText: host, uid: 1_000, gid: 1_001)
        #expect(
            passwd
                == "agent:x:1000:1001:agent:/home/agent:/bin/bash\nroot:x:0:0:root:/root:/bin/bash\nagents:x:6:6::/y:/bin/sh\n"
        )
        #expect(
            AccountFiles.groupFile(hostText: "root:x:0:\nagent:x:9:a", uid: 1_000, gid: 1_001)
                == "agent:x:1001:\nroot:x:0:\n")
        #expect(AccountFiles.groupFile(hostText: "", uid: 1, gid: 2) == "agent:x:2:\n")
    }

    @Test func capabilitiesHaveNames() {
        #expect(CapabilityNames.names(of: 0).isEmpty)
        #expect(CapabilityNames.names(of: 1 | 1 << 21) == ["cap_chown", "cap_sys_admin"])
        #expect(CapabilityNames.names(of: .max).count == 64)
        #expect(CapabilityNames.count >= 38)
    }
}

@Suite struct DigestTests {
    /// The vectors of FIPS 180-4, and the lengths around a block.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (String(repeating: "a", count: 55), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
        (String(repeating: "a", count: 64), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
    ])
    func hashesAreSHA256(text: String, hash: String) {
        #expect(SHA256.hex(Array(text.utf8)) == hash)
    }
}
