internal import CCage
internal import ShepherdProtocolEmbedded

/// What is really in force for a worker that is about to exec, read from /proc and held against its order.
enum CageReadback {
    /// - Returns: nil when /proc could not be read, which is a mismatch as well.
    static func read(worker pid: Int32, pidMax: UInt32) -> CageReceipt? {
        guard let status = ProcReader.read(ProcReader.path(pid, "/status")),
            let limits = ProcReader.read(ProcReader.path(pid, "/limits")),
            let uidMap = ProcReader.read(ProcReader.path(pid, "/uid_map"))
        else { return nil }
        var receipt = CageReceipt()
        receipt.noNewPrivileges = UInt8(truncatingIfNeeded: number("NoNewPrivs:", status) ?? 0)
        receipt.seccompMode = UInt8(truncatingIfNeeded: number("Seccomp:", status) ?? 0)
        receipt.capabilities.inheritable = number("CapInh:", status, radix: 16) ?? .max
        receipt.capabilities.permitted = number("CapPrm:", status, radix: 16) ?? .max
        receipt.capabilities.effective = number("CapEff:", status, radix: 16) ?? .max
        receipt.capabilities.bounding = number("CapBnd:", status, radix: 16) ?? .max
        receipt.capabilities.ambient = number("CapAmb:", status, radix: 16) ?? .max
        receipt.uid = identity("Uid:", status)
        receipt.gid = identity("Gid:", status)
        receipt.uidMap = trimmed(uidMap)
        receipt.pidMax = pidMax
        receipt.namespaces = [
            namespace(0x1000_0000, "/ns/user", pid), namespace(0x2000_0000, "/ns/pid", pid),
            namespace(0x2_0000, "/ns/mnt", pid), namespace(0x4000_0000, "/ns/net", pid),
            namespace(0x0800_0000, "/ns/ipc", pid), namespace(0x0400_0000, "/ns/uts", pid),
            namespace(0x0200_0000, "/ns/cgroup", pid),
        ]
        receipt.rlimits = [
            limit(4, "Max core file size", limits), limit(7, "Max open files", limits),
            limit(1, "Max file size", limits), limit(6, "Max processes", limits),
            limit(8, "Max locked memory", limits), limit(0, "Max cpu time", limits),
        ]
        return receipt
    }

    /// Whether the worker is as confined as the order says.
    static func matches(_ receipt: CageReceipt, _ order: CageOrder) -> Bool {
        let capabilities = receipt.capabilities
        guard receipt.noNewPrivileges == 1,
            // Without one of ours there may still be a container's around us.
            receipt.seccompMode == 2 || order.seccomp.isEmpty,
            capabilities.effective == 0, capabilities.permitted == 0, capabilities.inheritable == 0,
            // Emptying the bounding set takes CAP_SETPCAP; what it lets pass, no_new_privs stops.
            capabilities.bounding == 0 || order.namespaces == 0, capabilities.ambient == 0,
            receipt.uid == order.uid, receipt.gid == order.gid, order.uid != 0,
            order.pidMax == 0 || receipt.pidMax == order.pidMax,
            order.namespaces == 0
                || ProcReader.numbers(receipt.uidMap) == [UInt64(order.uid), UInt64(order.uid), 1]
        else { return false }
        for namespace in receipt.namespaces where order.namespaces & namespace.kind != 0 {
            guard namespace.worker != 0, namespace.worker != namespace.host else { return false }
        }
        for wanted in order.rlimits {
            for found in receipt.rlimits where found.resource == wanted.resource {
                guard found.soft == wanted.soft, found.hard == wanted.hard else { return false }
            }
        }
        return true
    }

    private static func number(_ label: StaticString, _ contents: Bytes, radix: UInt64 = 10) -> UInt64? {
        guard let text = ProcReader.field(label, of: contents) else { return nil }
        return ProcReader.numbers(text, radix: radix).first
    }

    /// Real, effective, saved and file system id; they must be the same one.
    private static func identity(_ label: StaticString, _ contents: Bytes) -> UInt32 {
        guard let text = ProcReader.field(label, of: contents) else { return 0 }
        let ids = ProcReader.numbers(text)
        guard ids.count == 4, ids[1] == ids[0], ids[2] == ids[0], ids[3] == ids[0] else { return 0 }
        return UInt32(truncatingIfNeeded: ids[0])
    }

    private static func limit(_ resource: UInt32, _ label: StaticString, _ contents: Bytes) -> ResourceLimit {
        guard let text = ProcReader.field(label, of: contents) else {
            return ResourceLimit(resource: resource, soft: 0, hard: 0)
        }
        let values = ProcReader.numbers(text)
        guard values.count >= 2 else { return ResourceLimit(resource: resource, soft: 0, hard: 0) }
        return ResourceLimit(resource: resource, soft: values[0], hard: values[1])
    }

    private static func namespace(_ kind: UInt64, _ name: StaticString, _ pid: Int32) -> NamespaceID {
        NamespaceID(kind: kind, worker: inode(ProcReader.path(pid, name)), host: inode(ProcReader.path(getpid(), name)))
    }

    /// A namespace's identity is the inode its link leads to (namespaces(7)).
    private static func inode(_ path: Bytes) -> UInt64 {
        let descriptor = ProcReader.open(path, below: AT_FDCWD, flags: O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { _ = CCage.close(descriptor) }
        var status = stat()
        return fstat(descriptor, &status) == 0 ? UInt64(status.st_ino) : 0
    }

    private static func trimmed(_ text: Bytes) -> Bytes {
        var result = Bytes()
        for number in ProcReader.numbers(text) {
            if !result.isEmpty { result.append(32) }
            result.append(contentsOf: ProcReader.decimal(number))
        }
        return result
    }
}
