import Foundation
import Store
import Testing

@testable import Supervision

@Suite final class ServeLogTests: Sendable {
    private let paths: StatePaths

    init() throws {
        var template = (NSTemporaryDirectory() + "claudine-serve-XXXXXX").utf8CString.map { $0 }
        paths = StatePaths(directory: String(cString: try #require(mkdtemp(&template))))
    }

    deinit { try? FileManager.default.removeItem(atPath: paths.directory) }

    private func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }

    private func fill(_ bytes: Int) throws {
        try Data(count: bytes).write(to: URL(fileURLWithPath: paths.serveLog))
    }

    private func write(_ text: String) throws {
        let descriptor = try ServeLog.open(in: paths)
        #expect(Glibc.write(descriptor.number, text, text.utf8.count) == text.utf8.count)
    }

    @Test func itIsAppendedToAndNobodyElses() throws {
        try write("one\n")
        try write("two\n")
        #expect(try String(contentsOfFile: paths.serveLog, encoding: .utf8) == "one\ntwo\n")
        var status = stat()
        #expect(stat(paths.serveLog, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test func aLargeOneIsTurnedOverAtTheStart() throws {
        try fill(4 << 20)
        try write("x")
        #expect(size(paths.serveLog) == (4 << 20) + 1 && size(paths.serveLog + ".1") == nil)
        try write("y")
        #expect(size(paths.serveLog) == 1 && size(paths.serveLog + ".1") == (4 << 20) + 1)
        try fill(5 << 20)
        try write("z")
        #expect(size(paths.serveLog) == 1 && size(paths.serveLog + ".1") == 5 << 20)
    }

    /// Who finds it large at the same time does not turn over the new one as well.
    @Test func severalTurnItOverOnce() async throws {
        try fill(5 << 20)
        let holder = open(paths.serveLog, O_RDONLY)
        defer { close(holder) }
        #expect(flock(holder, LOCK_EX) == 0)
        async let written: Void = Task.detached {
            DispatchQueue.concurrentPerform(iterations: 2) { number in
                #expect(throws: Never.self) { try self.write("\(number)") }
            }
        }.value
        // Long enough for both to have found it large.
        try await Task.sleep(for: .milliseconds(300))
        #expect(size(paths.serveLog) == 5 << 20)
        #expect(flock(holder, LOCK_UN) == 0)
        await written
        #expect(size(paths.serveLog) == 2 && size(paths.serveLog + ".1") == 5 << 20)
    }

    @Test func whatIsNoFileIsRefused() throws {
        #expect(symlink("/tmp/elsewhere", paths.serveLog) == 0)
        #expect(throws: SupervisionError.self) { try write("") }
        unlink(paths.serveLog)
        #expect(mkfifo(paths.serveLog, 0o600) == 0)
        #expect(throws: SupervisionError.self) { try write("") }
    }
}
