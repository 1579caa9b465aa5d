import Foundation
import Testing

@testable import Policy

/// SplitMix64: the same sequence for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// A directory that is gone when the test is over.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/claudine-policy-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template), let real = realpath(made, nil) else { throw POSIXError(.EIO) }
        defer { free(real) }
        path = String(cString: real)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
        let file = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        #expect(chmod(file, mode) == 0)
        return file
    }

    @discardableResult
    func make(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true)
        return path + "/" + name
    }
}

let noLibrary = PolicyLibrary(directories: [])

func builtIn(_ name: String) throws -> Policy { try noLibrary.load(name).policy }

func builtInText(_ name: String) throws -> String { try noLibrary.load(name).text }

/// Loads a text as if it stood in a file of its own, with the built-in policies to extend.
func load(_ text: String) throws -> Policy {
    let loader = PolicyLoader(paths: PathText()) { (name: String) throws(PolicyError) -> Policy in
        try noLibrary.load(name).policy
    }
    return try loader.load(try PolicySource(file: "test.toml", text: text))
}

/// The error a piece of work throws; nil, and a failed expectation, where it throws none.
func refusal(
    of work: () throws -> some Any, sourceLocation: SourceLocation = #_sourceLocation
) -> PolicyError? {
    #expect(throws: PolicyError.self, sourceLocation: sourceLocation) { _ = try work() }
}
