import Foundation
import Testing

@testable import Store

struct TaskFilesTests {
    let fixture: Fixture
    let store: Store
    let id = TaskID.random()

    init() throws {
        fixture = try Fixture()
        store = try fixture.open()
        try #require(mkdir(fixture.paths.task(id), 0o700) == 0 && mkdir(fixture.paths.home(id), 0o700) == 0)
    }

    private func expectGone() throws {
        try TaskFiles.remove(id, fixture.paths)
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.paths.attempts).isEmpty)
    }

    @Test func whatIsNotThereIsNoError() throws {
        try TaskFiles.remove(.random(), fixture.paths)
        try expectGone()
    }

    @Test func symlinksAreDeletedAndNeverFollowed() throws {
        let precious = fixture.directory + "/precious"
        try #require(mkdir(precious, 0o755) == 0)
        try #require(FileManager.default.createFile(atPath: precious + "/file", contents: nil))
        try #require(symlink(precious, fixture.paths.home(id) + "/link") == 0)
        try #require(symlink("/nowhere", fixture.paths.home(id) + "/dangling") == 0)
        try expectGone()
        #expect(access(precious + "/file", F_OK) == 0)
        var status = stat()
        #expect(stat(precious, &status) == 0 && status.st_mode & 0o777 == 0o755)
    }

    @Test func hostileTreesGo() throws {
        let home = fixture.paths.home(id)
        try #require(mkfifo(home + "/fifo", 0o600) == 0)
        let notUTF8: [CChar] = Array((home + "/").utf8CString.dropLast()) + [-1, -2, 0]
        try #require(mkdir(notUTF8, 0o700) == 0)
        try #require(mkdir(home + "/.removing-1", 0o700) == 0 && mkdir(home + "/.removing-1/x", 0o000) == 0)
        try #require(mkdir(fixture.paths.task(id) + "/.removing-1", 0o700) == 0)
        try #require(FileManager.default.createFile(atPath: fixture.paths.task(id) + "/.removing-2", contents: nil))
        // Deeper than the 1024 descriptors of a process.
        var here = Glibc.open(home, O_RDONLY | O_DIRECTORY)
        for _ in 0..<2000 {
            try #require(mkdirat(here, "d", 0o700) == 0)
            let next = openat(here, "d", O_RDONLY | O_DIRECTORY)
            close(here)
            here = next
        }
        close(here)
        try #require(chmod(home + "/d", 0o000) == 0)
        try expectGone()
    }
}
