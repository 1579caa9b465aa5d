import ShepherdProtocol

/// Everything that is mounted in a cage, in an order in which nothing covers what comes later.
///
/// The plan is a set of layers, one at each path, mounted from short paths to long ones: a bind always lies above the tmpfs
/// that covers its surroundings, and what is hidden above the bind that would show it. The longest path decides what is
/// seen, which makes the plan something that can be asked (`shown`). Skeletons are sealed last, when nothing is left to
/// be made in them.
struct MountPlan {
    struct Layer {
        var step: MountStep
        var target: String
        /// The path of the host that is seen here, or nil where nothing of the host is.
        var shows: String?
        /// An empty tmpfs that only carries other mounts; read-only in the end.
        var isSkeleton = false
        /// The field of the policy, or whatever else, that put it there.
        var why = ""
    }

    /// Why the layers that are being added are there.
    var why = ""

    private(set) var layers: [Layer] = []
    /// Paths of the cage that may be read and executed, besides the fixed ones.
    var readable: [String] = []
    /// Paths of the cage that may be changed, besides the fixed ones.
    var writable: [String] = []

    let policy: Policy
    let request: CageRequest
    let host: HostFacts

    /// Throws `refused.policy`, `refused.workspace` or `refused.config` where the policy's paths and the request contradict each other.
    init(policy: Policy, request: CageRequest, host: HostFacts) throws(PolicyError) {
        self.policy = policy
        self.request = request.canonical
        self.host = host
        let denied = Denied(policy: policy, host: host)
        try denied.check(workspace: request.workspace)
        try addRoot()
        addPrivatePlaces()
        addKernelFiles()
        addHome()
        addAccounts()
        try addGrants(denied)
        addWorkspace()
        try addPrograms()
        addResolver()
        try hide(denied)
    }

    /// What the shepherd does, in order.
    var steps: [MountStep] {
        let sorted = layers.enumerated().sorted { left, right in
            let (leftDepth, rightDepth) = (Self.depth(left.element.target), Self.depth(right.element.target))
            return leftDepth == rightDepth ? left.offset < right.offset : leftDepth < rightDepth
        }.map(\.element)
        let sealed = sorted.filter { $0.isSkeleton && carriesOthers($0) }.map(\.target)
        return sorted.map { layer in
            var step = layer.step
            // One that carries nothing need not wait.
            if layer.isSkeleton, !sealed.contains(layer.target) { step.flags.insert(.readOnly) }
            return step
        } + sealed.reversed().map { MountStep(.seal, target: Bytes($0.utf8)) }
    }

    /// The path of the host that is seen at a path of the cage, or nil.
    func shown(at path: String) -> String? {
        let covering = layers.filter { RealPath.isPath(path, within: $0.target) }
        guard let layer = covering.max(by: { $0.target.utf8.count < $1.target.utf8.count }), let base = layer.shows
        else { return nil }
        let rest = path.dropFirst(layer.target == "/" ? 0 : layer.target.count)
        return base == "/" ? String(rest) : base + rest
    }

    private func carriesOthers(_ skeleton: Layer) -> Bool {
        layers.contains { $0.target != skeleton.target && RealPath.isPath($0.target, within: skeleton.target) }
    }

    private static func depth(_ path: String) -> Int { path == "/" ? 0 : path.utf8.count { $0 == UInt8(ascii: "/") } }

    /// A later layer takes the place of an earlier one at the same path.
    mutating func add(_ layer: Layer) {
        layers.removeAll { $0.target == layer.target }
        var layer = layer
        layer.why = why
        layers.append(layer)
    }

    mutating func bind(_ source: String, at target: String, _ flags: MountStep.Flags) {
        let step = MountStep(.bind, flags: flags, source: Bytes(source.utf8), target: Bytes(target.utf8))
        add(Layer(step: step, target: target, shows: source))
    }

    mutating func tmpfs(
        _ target: String, _ flags: MountStep.Flags = [], size: ByteSize, mode: UInt32 = 0o755, skeleton: Bool = false
    ) {
        // One inode for 8 KiB, so that a million empty files are not a way around the size.
        let step = MountStep(
            .tmpfs, flags: flags, target: Bytes(target.utf8), size: size.bytes, inodes: max(1_024, size.bytes >> 13),
            mode: mode)
        add(Layer(step: step, target: target, isSkeleton: skeleton))
    }

    mutating func skeleton(_ target: String) {
        tmpfs(target, size: ByteSize(bytes: 1 << 20), skeleton: true)
    }
}

// MARK: - The fixed parts

extension MountPlan {
    /// What of `/` an empty root is given: programs, libraries and configuration, on NixOS and Guix too.
    static let systemNames = [
        "usr", "etc", "opt", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix", "gnu",
    ]

    private mutating func addRoot() throws(PolicyError) {
        why = "filesystem.root"
        guard policy.filesystem.root.isEmpty else {
            guard host.top["home"] != nil else {
                throw .missing(
                    .mountNamespace, errno: 2, "there is no /home on this machine to put the agent's home in",
                    fix: "mkdir /home, or choose a policy with filesystem.root = \"system-ro\"")
            }
            let flags: MountStep.Flags = policy.filesystem.root == .hostReadOnly ? .readOnly : []
            let step = MountStep(.hostRoot, flags: flags, source: Bytes("/".utf8), target: Bytes("/".utf8))
            return add(Layer(step: step, target: "/", shows: "/"))
        }
        let step = MountStep(.tmpfsRoot, target: Bytes("/".utf8), size: 1 << 20, inodes: 1_024, mode: 0o755)
        add(Layer(step: step, target: "/", isSkeleton: true))
        let minimal = policy.filesystem.root == .minimal
        for name in Self.systemNames where !minimal || !MinimalRoot.leftOut.contains(name) {
            switch host.top[name] {
            case .directory:
                bind("/" + name, at: "/" + name, .readOnly)
                readable.append("/" + name)
            case .link(let text): link("/" + name, to: text)
            case nil: continue
            }
        }
        link("/var/run", to: "/run")
        if minimal { addMinimalPlaces() }
    }

    private mutating func addMinimalPlaces() {
        let resolver = policy.network.mode == .open ? ["resolv.conf"] : []
        for name in MinimalRoot.configuration + resolver {
            let path = "/etc/" + name
            if let text = RealPath.linkText(path) {
                link(path, to: text)
            } else if RealPath.resolve(path) != nil {
                bind(path, at: path, .readOnly)
            }
        }
        readable.append("/etc")
        for place in MinimalRoot.covered where RealPath.resolve(place) == place { skeleton(place) }
    }

    private mutating func link(_ target: String, to text: String) {
        let step = MountStep(.symlink, source: Bytes(text.utf8), target: Bytes(target.utf8))
        add(Layer(step: step, target: target))
    }

    /// Homes, media and run-time files are covered; temporary directories are the cage's own.
    private mutating func addPrivatePlaces() {
        why = "filesystem.root"
        let temporary = [CagePaths.temporary, "/var/tmp"]
        if policy.filesystem.root.isEmpty {
            for place in temporary { addTemporary(place) }
        } else {
            for place in host.privateDirectories {
                if temporary.contains(place) { addTemporary(place) } else { skeleton(place) }
            }
        }
        // Some users' homes are elsewhere; those of system users are among the programs.
        let system = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/dev", "/proc", "/sys", "/nix", "/gnu"]
        if let home = host.home, shown(at: home) == home, !system.contains(where: { RealPath.isPath(home, within: $0) })
        {
            skeleton(home)
        }
    }

    private mutating func addTemporary(_ place: String) {
        why = "filesystem.tmp"
        defer { why = "filesystem.root" }
        let tmp = policy.filesystem.tmp
        tmpfs(place, tmp.exec ? [] : .noExec, size: tmp.size, mode: 0o1777)
    }

    private mutating func addKernelFiles() {
        why = "filesystem.dev, and what every program needs"
        add(Layer(step: MountStep(.proc, target: Bytes("/proc".utf8)), target: "/proc"))
        tmpfs("/sys", .readOnly, size: ByteSize(bytes: 1 << 12))
        let devices = MountStep(.devices, target: Bytes("/dev".utf8), size: policy.filesystem.shm.bytes)
        add(Layer(step: devices, target: "/dev"))
        let runtime = MountStep(.directory, target: Bytes(CagePaths.runtime.utf8), mode: 0o755)
        add(Layer(step: runtime, target: CagePaths.runtime))
    }

    private mutating func addHome() {
        why = "filesystem.home"
        if let size = policy.filesystem.home.size {
            tmpfs(CagePaths.home, size: size, mode: 0o700)
        } else {
            bind(request.home, at: CagePaths.home, .ownerMapped)
        }
    }

    private mutating func addAccounts() {
        why = "the worker's account"
        bind(request.passwd, at: "/etc/passwd", [.readOnly, .ownerMapped])
        bind(request.group, at: "/etc/group", [.readOnly, .ownerMapped])
    }

    /// With the host's network, names are resolved as on the host, though its `/run` is covered.
    private mutating func addResolver() {
        why = "network.mode"
        guard policy.network.mode == .open, let file = host.resolver, shown(at: file) != file else { return }
        bind(file, at: file, .readOnly)
    }
}
