import CCap
import Glibc

/// Names of capabilities, from libcap.
package enum CapabilityNames {
    /// The names of the bits of a mask as in `/proc/PID/status` (`cap_chown`…), a number where libcap knows none.
    package static func names(of mask: UInt64) -> [String] {
        (0..<64).filter { mask >> UInt64($0) & 1 == 1 }.map(name)
    }

    /// How many capabilities the running kernel has.
    package static var count: Int { Int(cap_max_bits()) }

    fileprivate static func name(_ bit: Int) -> String {
        guard let text = cap_to_name(cap_value_t(bit)) else { return String(bit) }
        defer { cap_free(text) }
        return String(cString: text)
    }
}

extension CapabilityNames {
    /// What a process holds, asked of the kernel itself (capget(2)) and not of a file: permitted, effective and inheritable.
    ///
    /// - Returns: the names; nil when the process is gone.
    package static func held(by pid: Int32) -> [String]? {
        guard let capabilities = cap_get_pid(pid) else { return nil }
        defer { cap_free(UnsafeMutableRawPointer(capabilities)) }
        var held: [String] = []
        for bit in 0..<count {
            for set in [CAP_PERMITTED, CAP_EFFECTIVE, CAP_INHERITABLE] {
                var value = CAP_CLEAR
                guard cap_get_flag(capabilities, cap_value_t(bit), set, &value) == 0, value == CAP_SET else { continue }
                held.append(name(bit))
                break
            }
        }
        return held
    }
}
