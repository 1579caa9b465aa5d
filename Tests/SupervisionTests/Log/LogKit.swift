import Foundation
import Policy
import Store
import Testing

@testable import Supervision

/// A file for the lines of one test, gone with it.
final class LogFile: Sendable {
    let path: String
    let descriptor: Int32

    init() throws {
        path = NSTemporaryDirectory() + "claudine-log-\(UInt64.random(in: 0 ... .max))"
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    func log(from level: ServeConfiguration.LogLevel = .trace) throws -> Log {
        Log(to: try LineWriter(descriptor), from: level, now: { Timestamp(milliseconds: 1_763_928_000_042) })
    }

    var lines: [String] {
        get throws { try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init) }
    }
}

func members(of line: some StringProtocol) throws -> JSONValue {
    try JSONText.decode(JSONValue.self, from: String(line))
}

/// All that a descriptor gives until nothing has come for so many milliseconds.
func drain(_ descriptor: Int32, _ patience: Int32 = 100) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        var one = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&one, 1, patience) == 1 else { break }
        let count = read(descriptor, &chunk, chunk.count)
        guard count > 0 else { break }
        bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
}
