import Glibc
import Testing

@testable import Store

struct ReadOnlyTests {
    /// Root may write everywhere, so it asks with the file system's eyes of another user.
    @Test func aReadOnlyDirectoryIsSaidToBeOne() throws {
        let fixture = try Fixture()
        let inside = fixture.directory + "/state"
        try #require(mkdir(inside, 0o700) == 0 && chmod(inside, 0o555) == 0 && chmod(fixture.directory, 0o755) == 0)
        let setFileSystemUser = unsafeBitCast(
            try #require(dlsym(nil, "setfsuid")), to: (@convention(c) (uid_t) -> Int32).self)
        _ = setFileSystemUser(geteuid() == 0 ? 12345 : geteuid())
        defer { _ = setFileSystemUser(geteuid()) }
        #expect { try Store.open(directory: inside) } throws: { ($0 as? StoreError)?.code == .readOnly }
        #expect { try Store.open(directory: fixture.directory + "/other") } throws: {
            geteuid() != 0 || ($0 as? StoreError)?.code == .readOnly
        }
    }
}
