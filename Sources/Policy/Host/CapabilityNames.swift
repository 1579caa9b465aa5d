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

    private static func name(_ bit: Int) -> String {
        guard let text = cap_to_name(cap_value_t(bit)) else { return String(bit) }
        defer { cap_free(text) }
        return String(cString: text)
    }
}
