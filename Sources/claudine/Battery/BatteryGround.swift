import Foundation
import Glibc
import Store
import Supervision

/// What the battery is tried on: a temporary directory with a state, a workspace and a secret, and listeners and shared memory of the
/// host's. All of it is ours and goes with `remove`.
struct BatteryGround {
    /// A copy of the battery, so that nobody else holds the locks on its file.
    let program: String
    let paths: StatePaths
    let workspace: String
    /// The battery's `KEY=VALUE` words.
    let places: [String: String]
    private let base: String
    private let sockets: [Int32]
    private let memory: Int32

    /// Given to the battery's caller, and not to be found inside.
    static let variable = "BATTERY_SECRET"
    private static let protected = [
        ".git/hooks/pre-commit", ".git/config", ".claude/settings.json", ".mcp.json", ".vscode/tasks.json", ".envrc",
    ]

    init(home: String?) throws(Failure) {
        base = try Self.temporaryDirectory()
        program = "\(base)/claudine-battery"
        workspace = "\(base)/workspace"
        paths = StatePaths(directory: "\(base)/state")
        do {
            let (found, searched) = try ProgramLocation.find("claudine-battery")
            guard let found else {
                throw Failure(
                    "battery.missing", "claudine-battery was not found; it belongs next to claudine-shepherd.",
                    hint: "make install puts it there (looked at: \(searched.joined(separator: ", ")))",
                    exitCode: ExitCodes.no)
            }
            let files = FileManager.default
            try files.copyItem(atPath: found, toPath: program)
            for name in ["workspace", "state", "beside"] {
                try files.createDirectory(
                    atPath: "\(base)/\(name)", withIntermediateDirectories: false,
                    attributes: [.posixPermissions: 0o700])
            }
            for name in Self.protected.map({ "workspace/\($0)" }) + ["beside/secret"] {
                let path = "\(base)/\(name)"
                try files.createDirectory(
                    atPath: String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]),
                    withIntermediateDirectories: true)
                guard files.createFile(atPath: path, contents: Data("outside\n".utf8)) else {
                    throw CocoaError(.fileWriteUnknown)
                }
            }
        } catch let failure as Failure {
            try? FileManager.default.removeItem(atPath: base)
            throw failure
        } catch {
            try? FileManager.default.removeItem(atPath: base)
            throw Failure(
                "battery.ground", "\(base) cannot be filled: \(error.localizedDescription)", exitCode: ExitCodes.no)
        }
        var places = Self.namespaces()
        places["canary"] = String(getpid())
        places["canaryname"] = (try? String(contentsOfFile: "/proc/self/comm", encoding: .utf8))?
            .trimmingCharacters(in: .newlines)
        places["beside"] = "\(base)/beside"
        places["secret"] = "\(base)/beside/secret"
        places["home"] = home
        places["state"] = paths.directory
        places["workspace"] = workspace
        places["named"] = "\(base)/outside.sock"
        places["abstract"] = "claudine-battery-\(getpid())"
        let listeners = Listeners(named: "\(base)/outside.sock", abstract: "claudine-battery-\(getpid())")
        places.merge(listeners.ports) { $1 }
        sockets = listeners.descriptors
        memory = shmget(IPC_PRIVATE, 4096, Int32(IPC_CREAT) | 0o600)
        if memory >= 0 { places["shm"] = String(memory) }
        self.places = places
    }

    /// What a control writes.
    var outputFile: String { "\(base)/output" }
    var words: [String] { places.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } }

    /// Ends everything that was made; what is left of a task's own directories is below `base`.
    func remove() {
        for socket in sockets { close(socket) }
        if memory >= 0 { shmctl(memory, IPC_RMID, nil) }
        // A worker may have left directories without any permission.
        let walk = FileManager.default.enumerator(atPath: base)
        while let name = walk?.nextObject() as? String {
            var status = stat()
            let path = "\(base)/\(name)"
            if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { chmod(path, 0o700) }
        }
        try? FileManager.default.removeItem(atPath: base)
    }

    private static func temporaryDirectory() throws(Failure) -> String {
        var template = Array("\(Environment.current["TMPDIR"] ?? "/tmp")/claudine-battery-XXXXXX".utf8CString)
        // Canonical: the cage compares paths.
        guard let made = mkdtemp(&template), let real = realpath(made, nil) else {
            throw Failure(
                "battery.ground", "A temporary directory cannot be made: \(String(cString: strerror(errno))).",
                hint: "set TMPDIR to a directory that you may write to", exitCode: ExitCodes.no)
        }
        defer { free(real) }
        // The worker of a root caller is somebody else and has to reach its workspace.
        chmod(real, 0o755)
        return String(cString: real)
    }

    private static func namespaces() -> [String: String] {
        var found: [String: String] = [:]
        for kind in ["pid", "net", "mnt", "user", "ipc", "uts"] {
            found[kind] = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(kind)")
        }
        return found
    }
}

/// TCP and UDP on loopback, a named and an abstract unix socket: nobody accepts, the queue is enough to connect.
private struct Listeners {
    private(set) var descriptors: [Int32] = []
    private(set) var ports: [String: String] = [:]

    init(named: String, abstract: String) {
        for (key, kind) in [("tcp", SOCK_STREAM), ("udp", SOCK_DGRAM)] {
            let socket = opened(AF_INET, Int32(kind.rawValue))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let bound = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
                }
            }
            if bound { ports[key] = String(UInt16(bigEndian: address.sin_port)) }
            listen(socket, 16)
        }
        local(Array(named.utf8))
        local([0] + Array(abstract.utf8))
    }

    private mutating func opened(_ family: Int32, _ type: Int32) -> Int32 {
        let made = socket(family, type | Int32(SOCK_CLOEXEC.rawValue), 0)
        if made >= 0 { descriptors.append(made) }
        return made
    }

    private mutating func local(_ path: [UInt8]) {
        let socket = opened(AF_UNIX, Int32(SOCK_STREAM.rawValue))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        // A named one ends with a NUL, an abstract one begins with it (unix(7)).
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count + (path.first == 0 ? 0 : 1))
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, length) }
        }
        listen(socket, 16)
    }
}
