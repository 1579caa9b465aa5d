import Glibc
import Testing

@testable import Store

struct DirectoryUseTests {
    /// POSIX locks of this process on the database, as the kernel lists them.
    private func locks(_ fixture: Fixture) throws -> Int {
        var status = stat()
        try #require(stat(fixture.paths.database, &status) == 0)
        let file = open("/proc/locks", O_RDONLY)
        defer { close(file) }
        // The kernel gives a page at a time, and other processes' locks come first.
        var bytes: [UInt8] = []
        var page = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(file, &page, page.count), count > 0 { bytes += page[..<count] }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.split(separator: "\n").filter { $0.contains(":\(status.st_ino) ") && $0.contains("POSIX") }.count
    }

    @Test func openingTwiceInAProcessKeepsTheLocksOfTheFirst() throws {
        let fixture = try Fixture()
        let first = try fixture.open()
        _ = try first.enqueue(fixture.spec())
        let before = try locks(fixture)
        try #require(before > 0)
        let second = try fixture.open()
        #expect(try locks(fixture) >= before)
        _ = try second.enqueue(fixture.spec())
        #expect(try first.list().count == 2)
    }
}
