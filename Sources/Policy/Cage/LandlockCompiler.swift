import ShepherdProtocol

/// Rights of a Landlock domain (linux/landlock.h), with the ABI that brought each.
enum LandlockRights {
    static let execute: UInt64 = 1 << 0
    static let writeFile: UInt64 = 1 << 1
    static let readFile: UInt64 = 1 << 2
    static let readDirectory: UInt64 = 1 << 3
    /// LANDLOCK_ACCESS_FS_REMOVE_DIR…MAKE_SYM: bits 4 to 12.
    static let change: UInt64 = 0x1ff0
    /// ABI 2: moving and linking between directories.
    static let refer: UInt64 = 1 << 13
    /// ABI 3
    static let truncate: UInt64 = 1 << 14
    /// ABI 5
    static let deviceControl: UInt64 = 1 << 15

    /// LANDLOCK_ACCESS_FS_MAKE_CHAR and MAKE_BLOCK: nobody inside makes devices.
    private static let makeDevice: UInt64 = 1 << 6 | 1 << 11

    /// LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL, ABI 6.
    static let scopes: UInt64 = 3

    /// LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP, ABI 4.
    static let tcp: UInt64 = 3

    static let read = readFile | readDirectory
    static let use = read | execute
    static let write = (use | writeFile | change | refer | truncate) & ~makeDevice

    /// The file rights that a kernel knows.
    static func files(abi: Int) -> UInt64 {
        switch abi {
        case ..<1: 0
        case 1: 0x1fff
        case 2: 0x3fff
        case 3, 4: 0x7fff
        default: 0xffff
        }
    }
}

/// The second wall: the same view of files once more, by another mechanism than mounts.
///
/// TCP rules are not used: the network namespace is the wall there, and they would break loopback servers inside.
struct LandlockCompiler {
    let policy: Policy
    let plan: MountPlan
    let host: HostFacts

    func order() throws(PolicyError) -> LandlockOrder {
        var order = LandlockOrder()
        guard policy.landlock.mode == .secondWall else { return order }
        if policy.refuses(.landlock), host.landlockABI < policy.landlock.minAbi {
            throw .missing(
                .landlock, errno: host.landlockABI == 0 ? 95 : 0,
                "policy '\(policy.name)' requires Landlock ABI \(policy.landlock.minAbi); this kernel has "
                    + (host.landlockABI == 0 ? "none" : "\(host.landlockABI)"),
                fix: "boot a newer kernel, with landlock in its lsm= list, or take landlock out of require")
        }
        order.scoped = host.landlockABI >= 6 ? LandlockRights.scopes : 0
        // Any file right forbids every mount, and with it a sandbox inside; a writable root leaves nothing to forbid.
        guard !policy.process.nestedSandbox, policy.filesystem.root != .hostReadWrite else { return order }
        let known = LandlockRights.files(abi: host.landlockABI)
        guard known != 0 else { return order }
        order.handledFiles = known
        order.rules = rules().map { LandlockRule(path: Bytes($0.path.utf8), rights: $0.rights & known) }
        return order
    }

    private func rules() -> [(path: String, rights: UInt64)] {
        let scratch = policy.filesystem.tmp.exec ? LandlockRights.write : LandlockRights.write & ~LandlockRights.execute
        let devices =
            LandlockRights.read | LandlockRights.writeFile | LandlockRights.deviceControl | LandlockRights.truncate
        var rules: [(path: String, rights: UInt64)] = [
            // Listing the skeleton; the mounts decide what is in it.
            ("/", policy.filesystem.root == .hostReadOnly ? LandlockRights.use : LandlockRights.readDirectory),
            ("/proc", LandlockRights.read | LandlockRights.writeFile | LandlockRights.truncate),
            ("/dev", devices),
            ("/dev/shm", LandlockRights.write),
            ("/run", LandlockRights.read),
            (CagePaths.temporary, scratch),
            ("/var/tmp", scratch),
            (CagePaths.home, LandlockRights.write),
        ]
        rules += plan.readable.map { ($0, LandlockRights.use) }
        rules += plan.writable.map { ($0, LandlockRights.write) }
        return rules
    }
}
