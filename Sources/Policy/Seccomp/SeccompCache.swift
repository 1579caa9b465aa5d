import CSeccomp
import Digests
import Foundation

/// Compiled filters on disk, so that a task does not wait for libseccomp.
///
/// A file is the SHA-256 of the program and the program; its name is a digest of all that the program depends on. A file
/// that is not exactly what was written (another owner, open to others, another checksum) is built anew.
package struct SeccompCache: Sendable {
    package let directory: String

    /// The directory is made, mode 0700, when the first filter is stored.
    package init(directory: String) { self.directory = directory }

    /// For who only asks about a policy and makes nothing: nil where there is no state directory yet, or none to write in.
    package static func inState(_ directory: String) -> SeccompCache? {
        access(directory, W_OK) == 0 ? SeccompCache(directory: "\(directory)/seccomp") : nil
    }

    /// The filter of a policy, read or built and stored.
    package func program(for policy: Policy) throws(PolicyError) -> SeccompProgram {
        let nested = policy.process.nestedSandbox
        guard policy.syscalls.profile != .off else { return try .build(policy.syscalls, nested: nested) }
        let path = "\(directory)/\(Self.key(policy.syscalls, nested: nested)).bpf"
        if let program = Self.read(path) { return program }
        let program = try SeccompProgram.build(policy.syscalls, nested: nested)
        try store(program, at: path)
        return program
    }

    /// Changes with whatever changes the program; the first word with this code.
    static func key(_ syscalls: Policy.Syscalls, nested: Bool) -> String {
        let version = seccomp_version().map { "\($0.pointee.major).\($0.pointee.minor).\($0.pointee.micro)" } ?? ""
        let parts = [
            "guards3", version, String(seccomp_arch_native()), syscalls.profile.rawValue, syscalls.denied.rawValue,
            String(nested),
            syscalls.allow.sorted().joined(separator: " "), syscalls.deny.sorted().joined(separator: " "),
            SyscallSets.agent.joined(separator: " "), SyscallSets.dangerous.joined(separator: " "),
            SyscallSets.nested.joined(separator: " "),
        ]
        return SHA256.hex(Array(parts.joined(separator: "\n").utf8))
    }

    /// Nil for whatever cannot be trusted or read: it is then written anew.
    private static func read(_ path: String) -> SeccompProgram? {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
            status.st_mode & 0o077 == 0
        else { return nil }
        let largest = 32 + Instruction.most * Instruction.size
        var bytes = [UInt8](repeating: 0, count: largest + 1)
        let count = pread(file, &bytes, bytes.count, 0)
        guard count > 32, count <= largest, (count - 32) % Instruction.size == 0 else { return nil }
        let program = Array(bytes[32..<count])
        return SHA256.hash(program) == Array(bytes[..<32]) ? SeccompProgram(bytes: program) : nil
    }

    private func store(_ program: SeccompProgram, at path: String) throws(PolicyError) {
        if mkdir(directory, 0o700) != 0, errno != EEXIST { throw failure("made", directory, errno) }
        let temporary = "\(path).\(getpid()).\(UInt64.random(in: .min ... .max))"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("written", temporary, errno) }
        let bytes = SHA256.hash(program.bytes) + program.bytes
        let written = write(file, bytes, bytes.count)
        let code = errno
        guard close(file) == 0, written == bytes.count, rename(temporary, path) == 0 else {
            let code = written < 0 ? code : written == bytes.count ? errno : ENOSPC
            unlink(temporary)
            throw failure("written", path, code)
        }
    }

    private func failure(_ verb: String, _ path: String, _ code: Int32) -> PolicyError {
        PolicyError(
            .config, "the compiled system call filter cannot be \(verb): \(path): \(String(cString: strerror(code)))",
            hint: "the state directory has to be writable", detail: ["file": path, "errno": String(code)])
    }
}
