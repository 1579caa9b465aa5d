import Agents
import Foundation
import Store
import Supervision

/// Where a run's prompt and standard input come from.
struct RunInput {
    private(set) var prompt: String?
    private(set) var standardInput = PreparedAttempt.StandardInput.none

    /// - Parameters:
    ///   - prompt: as given; `-` means standard input.
    ///   - stdin: the value of `--stdin`: a file, or `-`.
    init(prompt: String?, isCommand: Bool, stdin: String?) throws(Failure) {
        self.prompt = prompt
        guard isCommand else {
            if prompt == "-" { self.prompt = try Self.text(STDIN_FILENO, of: "standard input") }
            guard let stdin, !(prompt == "-" && stdin == "-") else { return }
            let addition =
                stdin == "-"
                ? try Self.text(STDIN_FILENO, of: "standard input") : try Self.text(Self.open(stdin), of: stdin)
            // As `claude -p` does with data on its standard input.
            self.prompt = prompt.map { "\($0)\n\(addition)" } ?? addition
            return
        }
        guard let stdin else { return }
        standardInput = .descriptor(try Self.throughPipe(stdin == "-" ? STDIN_FILENO : try Self.open(stdin), stdin))
    }

    /// What the task's row says of `--stdin`: whoever reads that file again may stand in another directory.
    static func source(_ stdin: String) -> StdinSource {
        stdin == "-" ? .inherited : .file(URL(fileURLWithPath: stdin).standardizedFileURL.path)
    }

    private static func open(_ path: String) throws(Failure) -> Int32 {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        guard file >= 0, fstat(file, &status) == 0 else {
            throw Failure(
                "usage", "--stdin \(path) cannot be opened: \(String(cString: strerror(errno))).",
                exitCode: ExitCodes.usage)
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw Failure("usage", "--stdin \(path) is a directory.", exitCode: ExitCodes.usage)
        }
        return file
    }

    /// All of it, as text; more than a prompt may have is refused while it is read.
    private static func text(_ file: Int32, of name: String) throws(Failure) -> String {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= AgentRequest.largestPrompt {
            let count = read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw Failure(
                    "usage", "The prompt cannot be read from \(name): \(String(cString: strerror(errno))).",
                    exitCode: ExitCodes.usage)
            }
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        guard bytes.count <= AgentRequest.largestPrompt else {
            throw Failure(
                "usage", "The prompt from \(name) is longer than \(AgentRequest.largestPrompt) bytes (4 MiB).",
                hint: "put the text into a file of the workspace and name it in the prompt", exitCode: ExitCodes.usage)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure("usage", "The prompt from \(name) is not valid UTF-8.", exitCode: ExitCodes.usage)
        }
        return text
    }

    /// Only bytes may get into the cage: not the caller's terminal, not a file that could be opened again for writing, and not a
    /// directory, from which one could walk on.
    private static func throughPipe(_ source: Int32, _ name: String) throws(Failure) -> Int32 {
        var status = stat()
        guard fstat(source, &status) == 0 else {
            throw Failure("usage", "--stdin \(name): standard input is closed.", exitCode: ExitCodes.usage)
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw Failure("usage", "--stdin \(name) is a directory.", exitCode: ExitCodes.usage)
        }
        return status.st_mode & S_IFMT == S_IFIFO ? source : try relay(source)
    }

    /// A pipe that a thread fills from `source` until either end is gone.
    private static func relay(_ source: Int32) throws(Failure) -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw Failure(
                "spawn.resources", "No pipe could be made: \(String(cString: strerror(errno))).",
                exitCode: ExitCodes.notRun)
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let target = ends[1]
        Thread.detachNewThread { copy(source, to: target) }
        return ends[0]
    }

    /// Until either end is gone.
    private static func copy(_ source: Int32, to target: Int32) {
        defer { close(target) }
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(source, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            var rest = chunk[..<count]
            while !rest.isEmpty {
                let written = rest.withUnsafeBytes { write(target, $0.baseAddress, $0.count) }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { return }
                rest = rest.dropFirst(written)
            }
        }
    }
}
