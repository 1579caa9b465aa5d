import Agents
import Glibc

/// A private folder of files that is there as long as the test holds it.
final class TestTree {
    let root: String

    init() {
        var template = Array("/tmp/claudine-agents-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template), let resolved = realpath(made, nil) else {
            preconditionFailure("no temporary directory")
        }
        root = String(cString: resolved)
        free(resolved)
    }

    deinit { remove(root) }

    func path(_ name: String) -> String { "\(root)/\(name)" }

    @discardableResult
    func file(_ name: String, _ text: String = "", mode: mode_t = 0o755) -> String {
        folder(name.split(separator: "/").dropLast().joined(separator: "/"))
        let descriptor = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        let bytes = Array(text.utf8)
        precondition(write(descriptor, bytes, bytes.count) == bytes.count)
        fchmod(descriptor, mode)
        close(descriptor)
        return path(name)
    }

    /// A file that begins as a program does.
    @discardableResult
    func program(_ name: String) -> String { file(name, "\u{7F}ELF and so on") }

    @discardableResult
    func folder(_ name: String) -> String {
        var made = ""
        for part in name.split(separator: "/") {
            made += "/\(part)"
            mkdir(root + made, 0o755)
        }
        return path(name)
    }

    @discardableResult
    func link(_ name: String, to target: String) -> String {
        folder(name.split(separator: "/").dropLast().joined(separator: "/"))
        precondition(symlink(target, path(name)) == 0)
        return path(name)
    }

    func lookup(path folders: String...) -> ExecutableLookup {
        ExecutableLookup(
            path: folders.map { path($0) }.joined(separator: ":"), home: path("home"), workingDirectory: root)
    }

    private func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR, let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(directory)
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}

/// A small generator whose whole sequence is its seed's (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
