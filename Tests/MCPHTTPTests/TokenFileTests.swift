import Glibc
import Testing

@testable import MCPHTTP

struct TokenFileTests {
    private let folder: String

    init() throws {
        var name = Array("/tmp/token-file-XXXXXX\0".utf8CString)
        folder = String(cString: try #require(mkdtemp(&name)))
    }

    private func written(_ text: String, mode: mode_t = 0o600) throws -> TokenFile {
        let path = folder + "/token"
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(file >= 0 && write(file, text, text.utf8.count) == text.utf8.count && fchmod(file, mode) == 0)
        close(file)
        return TokenFile(path)
    }

    @Test func isMadeOnceForItsOwnerAlone() throws {
        let file = TokenFile(folder + "/token")
        let token = try file.token()
        var facts = stat()
        #expect(stat(file.path, &facts) == 0 && facts.st_mode == S_IFREG | 0o600 && facts.st_size == 65)
        #expect(facts.st_nlink == 1)
        #expect(try file.token().principal == token.principal)
    }

    @Test func isReadWithoutTheSpaceAroundIt() throws {
        let token = try written(" \n0123456789abcdef\r\n").token()
        #expect(token.isEqual(to: "0123456789abcdef"))
        #expect(!token.isEqual(to: "0123456789abcdeF") && !token.isEqual(to: "0123456789abcdef0"))
        #expect(token.principal == "http:9f9f5111f7b27a78")
    }

    @Test(arguments: ["", "short", "0123456789 abcdef", "0123456789abcdé", String(repeating: "a", count: 5000)])
    func holdsATokenOrIsRefused(text: String) throws {
        let file = try written(text)
        #expect(throws: TokenFile.Unusable.self) { try file.token() }
    }

    @Test(arguments: [0o640, 0o604, 0o620, 0o660, 0o666, 0o601] as [mode_t])
    func isRefusedWhenOthersMayUseIt(mode: mode_t) throws {
        let file = try written("0123456789abcdef", mode: mode)
        #expect(throws: TokenFile.Unusable.self) { try file.token() }
    }

    @Test func isRefusedWhenItIsNoFileOfItsOwn() throws {
        let file = try written("0123456789abcdef")
        let (link, pipe) = (folder + "/link", folder + "/pipe")
        try #require(symlink(file.path, link) == 0 && mkfifo(pipe, 0o600) == 0)
        for path in [link, pipe, folder, folder + "/none/token"] {
            #expect(throws: TokenFile.Unusable.self) { try TokenFile(path).token() }
        }
    }
}
