import Policy
import ShepherdProtocol
package import Store

extension CageReceipt {
    /// The record's `receipt`: what was read back from /proc before exec, in /proc's own notation.
    package var json: JSONValue {
        var namespaces: [String: JSONValue] = [:]
        for namespace in self.namespaces where namespace.worker != namespace.host {
            namespaces[Self.name(namespace.kind)] = .integer(Int64(bitPattern: namespace.worker))
        }
        var limits: [String: JSONValue] = [:]
        for limit in rlimits {
            limits[Self.limitName(limit.resource)] = .object([
                "soft": Self.value(limit.soft), "hard": Self.value(limit.hard),
            ])
        }
        return .object([
            "noNewPrivs": .bool(noNewPrivileges == 1),
            "seccomp": .integer(Int64(seccompMode)),
            "capEff": .string(Self.hexadecimal(capabilities.effective)),
            "capPrm": .string(Self.hexadecimal(capabilities.permitted)),
            "capInh": .string(Self.hexadecimal(capabilities.inheritable)),
            "capBnd": .string(Self.hexadecimal(capabilities.bounding)),
            "capAmb": .string(Self.hexadecimal(capabilities.ambient)),
            "capabilities": .array(
                CapabilityNames.names(of: capabilities.effective | capabilities.permitted).map(JSONValue.string)),
            "uid": .integer(Int64(uid)),
            "gid": .integer(Int64(gid)),
            "uidMap": .string(String(decoding: uidMap, as: UTF8.self)),
            "pidMax": .integer(Int64(pidMax)),
            "namespaces": .object(namespaces),
            "rlimits": .object(limits),
        ])
    }

    private static func hexadecimal(_ mask: UInt64) -> String {
        let digits = String(mask, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func value(_ limit: UInt64) -> JSONValue {
        limit == .max ? "unlimited" : .integer(Int64(clamping: limit))
    }

    /// `CLONE_NEW*` of linux/sched.h.
    private static func name(_ kind: UInt64) -> String {
        switch kind {
        case 0x1000_0000: "user"
        case 0x2000_0000: "pid"
        case 0x2_0000: "mount"
        case 0x4000_0000: "network"
        case 0x0800_0000: "ipc"
        case 0x0400_0000: "uts"
        case 0x0200_0000: "cgroup"
        default: "other"
        }
    }

    /// `RLIMIT_*` of asm-generic/resource.h.
    private static func limitName(_ resource: UInt32) -> String {
        switch resource {
        case 0: "cpu"
        case 1: "fsize"
        case 4: "core"
        case 6: "nproc"
        case 7: "nofile"
        case 8: "memlock"
        default: "\(resource)"
        }
    }
}
