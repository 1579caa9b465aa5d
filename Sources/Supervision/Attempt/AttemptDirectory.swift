import Glibc
import Policy
import ShepherdProtocol
import Store

/// The directory of one attempt and the private home of its task; everything in it belongs to this user alone.
struct AttemptDirectory {
    let path: String

    /// Makes the directories and files that must exist before the shepherd starts: the receipt has its full size, so that a disk
    /// that fills up later cannot prevent it.
    static func make(
        for prepared: PreparedAttempt, claim: Claim, in paths: StatePaths
    ) throws(SupervisionError) -> AttemptDirectory {
        try makeDirectory(paths.attempts)
        try makeDirectory(paths.task(claim.taskID))
        try makeDirectory(paths.home(prepared.spec.homeOf ?? claim.taskID))
        let directory = AttemptDirectory(path: paths.attempt(claim.taskID, claim.attempt))
        try makeDirectory(directory.path)
        let receipt = ReceiptFile(fence: UInt64(claim.fence), nonce: claim.nonce)
        try directory.write(.init(path: "receipt", bytes: receipt.encoded, mode: 0o600))
        if prepared.order.cage.namespaces == 0 {
            for name in BestEffortPlaces.directories { try makeDirectory("\(directory.path)/\(name)") }
        }
        for file in prepared.files { try directory.write(file) }
        switch prepared.standardInput {
        case .bytes(let bytes): try directory.write(.init(path: "stdin", bytes: bytes, mode: 0o600))
        case .file(let file): try directory.copy(file, to: "stdin")
        case .none, .descriptor: break
        }
        return directory
    }

    func open() throws(SupervisionError) -> Descriptor { try .open(path, O_RDONLY | O_DIRECTORY) }

    func openLog() throws(SupervisionError) -> Descriptor {
        try .open("\(path)/shepherd.log", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
    }

    /// The worker's standard input as the shepherd gets it.
    func openInput(_ input: PreparedAttempt.StandardInput) throws(SupervisionError) -> Descriptor {
        switch input {
        case .none: return try .open("/dev/null", O_RDONLY)
        case .bytes, .file: return try .open("\(path)/stdin", O_RDONLY | O_NOFOLLOW)
        case .descriptor(let number):
            let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else { throw .resources("file descriptor", errno) }
            return Descriptor(owning: copy)
        }
    }

    private func write(_ file: PreparedAttempt.AttemptFile) throws(SupervisionError) {
        let target = "\(path)/\(file.path)"
        if let slash = file.path.lastIndex(of: "/") {
            try Self.makeDirectory("\(path)/\(file.path[..<slash])", mode: 0o755)
        }
        let descriptor = try Descriptor.open(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        var done = 0
        while done < file.bytes.count {
            let count = file.bytes.withUnsafeBytes {
                Glibc.write(descriptor.number, $0.baseAddress?.advanced(by: done), $0.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .file(target, errno) }
            done += count
        }
        // Apart from open, so that the caller's umask has no say.
        guard fchmod(descriptor.number, file.mode) == 0 else { throw .file(target, errno) }
    }

    private func copy(_ file: String, to name: String) throws(SupervisionError) {
        let source = try Descriptor.open(file, O_RDONLY | O_NOFOLLOW)
        let target = try Descriptor.open("\(path)/\(name)", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        while true {
            let count = sendfile(target.number, source.number, nil, 1 << 30)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .file("\(path)/\(name)", errno) }
            if count == 0 { return }
        }
    }

    private static func makeDirectory(_ path: String, mode: mode_t = 0o700) throws(SupervisionError) {
        // Apart from mkdir, so that the caller's umask has no say.
        guard mkdir(path, mode) == 0 ? chmod(path, mode) == 0 : errno == EEXIST else { throw .file(path, errno) }
    }
}
