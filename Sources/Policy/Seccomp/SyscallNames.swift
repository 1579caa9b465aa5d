import CSeccomp
import Glibc

/// System calls by name; numbers come from libseccomp, so that no architecture needs a table of ours.
package enum SyscallNames {
    /// The name of a number of this machine, or the number where libseccomp knows none.
    package static func name(_ number: UInt32) -> String {
        guard let name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), Int32(bitPattern: number)) else {
            return String(number)
        }
        defer { free(name) }
        return String(cString: name)
    }

    /// The number on this machine, or nil for a name that this machine or this libseccomp does not have.
    static func number(_ name: String) -> Int32? {
        let number = seccomp_syscall_resolve_name(name)
        // Negative numbers other than the error stand for calls of other architectures.
        return number >= 0 ? number : nil
    }

    /// Why the spelling of a name is refused, or nil.
    static func spellingProblem(_ name: String) -> String? {
        let isName =
            (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
            }
        return isName ? nil : "is not the name of a system call"
    }

    /// A denial that means nothing would be a false promise, so a name that libseccomp does not know is refused.
    static func unknownProblem(_ name: String) -> String? {
        if let problem = spellingProblem(name) { return problem }
        let known = seccomp_syscall_resolve_name(name) != __NR_SCMP_ERROR
        return known ? nil : "is not known to this libseccomp, so it cannot be denied"
    }
}
