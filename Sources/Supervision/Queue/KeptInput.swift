import Glibc
import Policy
package import Store

/// What a request gives a task besides its row, for an attempt that another process makes later: values of `--env` and standard
/// input. They lie in the task's directory, mode 0600, and go with it; the database never has them.
package struct KeptInput: Sendable {
    private let directory: String

    package init(_ task: TaskID, _ paths: StatePaths) {
        directory = paths.task(task)
        parent = paths.attempts
    }

    private let parent: String
    private var environmentFile: String { "\(directory)/environment" }
    private var standardInputFile: String { "\(directory)/stdin" }

    /// Bytes of standard input that are kept for a task; more belongs into a file of its workspace.
    package static let mostInput = 256 << 20

    /// Writes both so that they survive a loss of power, before the task is enqueued.
    ///
    /// - Parameter input: read to its end.
    package func write(
        _ variables: [String: String], _ input: PreparedAttempt.StandardInput
    ) throws(SupervisionError) {
        let source = try Self.open(input)
        let number = source.number
        guard !variables.isEmpty || number >= 0 else { return }
        try make(parent)
        try make(directory)
        if !variables.isEmpty {
            let text = variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\0" }.joined()
            try create(environmentFile) { (file) throws(SupervisionError) in
                try Self.write(Array(text.utf8), to: file.number, environmentFile)
            }
        }
        if number >= 0 {
            try create(standardInputFile) { (file) throws(SupervisionError) in
                try Self.copy(number, to: file.number, standardInputFile)
            }
        }
        try sync(directory)
        try sync(parent)
    }

    /// The variables by name; nil when none were kept.
    package func variables() throws(SupervisionError) -> [String: String]? {
        guard access(environmentFile, F_OK) == 0 else { return nil }
        let file = try Descriptor.open(environmentFile, O_RDONLY | O_NOFOLLOW)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(file.number, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .file(environmentFile, errno) }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        var variables: [String: String] = [:]
        for entry in bytes.split(separator: 0) {
            guard let equals = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
            variables[String(decoding: entry[..<equals], as: UTF8.self)] =
                String(decoding: entry[(equals + 1)...], as: UTF8.self)
        }
        return variables
    }

    /// The file with the standard input; nil when none was kept.
    package var standardInput: String? { access(standardInputFile, F_OK) == 0 ? standardInputFile : nil }

    /// What is to be kept; -1 for nothing.
    private static func open(_ input: PreparedAttempt.StandardInput) throws(SupervisionError) -> Descriptor {
        switch input {
        case .none, .bytes: return Descriptor(owning: -1)
        case .file(let path): return try .open(path, O_RDONLY | O_NOFOLLOW)
        case .descriptor(let number):
            let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else { throw .resources("file descriptor", errno) }
            return Descriptor(owning: copy)
        }
    }

    private func make(_ path: String) throws(SupervisionError) {
        guard mkdir(path, 0o700) == 0 ? chmod(path, 0o700) == 0 : errno == EEXIST else { throw .file(path, errno) }
    }

    private func create(
        _ path: String, _ fill: (borrowing Descriptor) throws(SupervisionError) -> Void
    ) throws(SupervisionError) {
        let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        try fill(file)
        guard fsync(file.number) == 0 else { throw .file(path, errno) }
    }

    private func sync(_ directory: String) throws(SupervisionError) {
        let file = try Descriptor.open(directory, O_RDONLY | O_DIRECTORY)
        guard fsync(file.number) == 0 else { throw .file(directory, errno) }
    }

    private static func copy(_ source: Int32, to target: Int32, _ path: String) throws(SupervisionError) {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        var total = 0
        while true {
            let count = read(source, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .file("standard input", errno) }
            if count == 0 { return }
            total += count
            guard total <= mostInput else { throw .file(path, EFBIG) }
            try write(Array(chunk[..<count]), to: target, path)
        }
    }

    private static func write(_ bytes: [UInt8], to target: Int32, _ path: String) throws(SupervisionError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(target, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .file(path, errno) }
            rest = rest.dropFirst(count)
        }
    }
}
