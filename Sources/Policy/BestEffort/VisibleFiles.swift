/// What an agent may open when there is no mount namespace: a list of what is allowed, for Landlock has no other.
///
/// A rule holds for a directory and all below it and cannot be taken back further down. So a directory that has something
/// closed in it gets no rule, its other entries get one each, and the directory itself cannot be listed. What is made in it
/// later is not seen.
struct VisibleFiles {
    /// By path, which is canonical; the rights of one path are those of all its rules together.
    private(set) var rules: [(path: String, rights: UInt64)] = []

    private let policy: Policy
    private let request: CageRequest
    private let host: HostFacts
    private let places: BestEffortPlaces
    /// Nothing at or below these is shown, whatever is granted.
    private let hidden: [String]

    /// Throws `refused.policy` where what the policy hides cannot be hidden this way.
    init(policy: Policy, request: CageRequest, host: HostFacts, places: BestEffortPlaces) throws(PolicyError) {
        self.policy = policy
        self.request = request.canonical
        self.host = host
        self.places = places
        let denied = Denied(policy: policy, host: host)
        try denied.check(workspace: request.workspace)
        hidden = denied.paths + [self.request.stateDirectory]
        addSystem()
        addKernelFiles()
        try addGrants(denied)
        try addWorkspace()
        for program in self.request.programs { show(program, LandlockRights.use, except: hidden) }
        addOwnPlaces()
    }

    // MARK: The parts

    private mutating func addSystem() {
        let rights = policy.filesystem.root == .hostReadWrite ? LandlockRights.write : LandlockRights.use
        let closed =
            hidden + host.privateDirectories + [host.home].compactMap { $0 } + ["/proc", "/sys", "/dev"]
            + (policy.filesystem.root == .minimal ? MinimalRoot.covered : [])
        for name in systemNames { show("/" + name, rights, except: closed) }
        if policy.filesystem.root == .minimal {
            for name in MinimalRoot.configuration {
                guard let path = RealPath.resolve("/etc/" + name) else { continue }
                show(path, rights, except: closed)
            }
        }
        if policy.network.mode == .open, let file = host.resolver {
            show(file, LandlockRights.readFile, except: hidden)
        }
    }

    /// The devices a cage has, one by one, and of /proc what an ordinary user may: Landlock keeps the processes of others apart.
    private mutating func addKernelFiles() {
        rules.append(("/proc", LandlockRights.read | LandlockRights.writeFile | LandlockRights.truncate))
        let device = LandlockRights.readFile | LandlockRights.writeFile | LandlockRights.deviceControl
        for name in ["null", "zero", "full", "random", "urandom", "tty", "ptmx"] {
            rules.append(("/dev/" + name, device | LandlockRights.truncate))
        }
        rules.append(("/dev/pts", device | LandlockRights.readDirectory))
    }

    private mutating func addGrants(_ denied: Denied) throws(PolicyError) {
        let filesystem = policy.filesystem
        for (grants, rights) in [(filesystem.read, LandlockRights.use), (filesystem.write, LandlockRights.write)] {
            for grant in grants {
                guard let literal = HomePath.expand(grant.path, home: host.home),
                    let path = RealPath.resolve(literal), denied.containing(path) == nil
                else {
                    guard grant.optional else {
                        throw PolicyError(
                            .config, "policy '\(policy.name)': \(grant.path) does not exist or is hidden",
                            hint: "make it, or write optional = true",
                            detail: ["bound": "an existing path", "found": grant.path])
                    }
                    continue
                }
                try show(whole: path, rights)
            }
        }
    }

    private mutating func addWorkspace() throws(PolicyError) {
        switch policy.workspace.mode {
        case .direct: try show(whole: request.workspace, LandlockRights.write)
        case .readonly: show(request.workspace, LandlockRights.use, except: hidden)
        case .scratch:
            throw .missing(
                .mountNamespace, errno: 0, "policy '\(policy.name)' wants an empty workspace, which has to be mounted",
                fix: "allow user namespaces; claudine doctor shows how")
        }
    }

    private mutating func addOwnPlaces() {
        let temporary =
            policy.filesystem.tmp.exec ? LandlockRights.write : LandlockRights.write & ~LandlockRights.execute
        rules.append((places.temporary, temporary))
        rules.append((places.home, LandlockRights.write))
        rules.append((places.files, LandlockRights.use))
    }

    // MARK: One path

    /// A directory in which new names can be made needs a rule of its own: nothing in it can then be kept back.
    private mutating func show(whole path: String, _ rights: UInt64) throws(PolicyError) {
        if rights == LandlockRights.write, let secret = hidden.first(where: { RealPath.isPath($0, within: path) }),
            RealPath.resolve(secret) != nil
        {
            throw .missing(
                .mountNamespace, errno: 0,
                "\(path) cannot be writable while policy '\(policy.name)' hides \(secret) in it: that takes a mount",
                fix: "move it elsewhere, or allow user namespaces; claudine doctor shows how")
        }
        show(path, rights, except: hidden)
    }

    /// Allows `path` and what is below it, but for what lies in `closed`.
    private mutating func show(_ path: String, _ rights: UInt64, except closed: [String]) {
        guard !closed.contains(where: { RealPath.isPath(path, within: $0) }) else { return }
        guard closed.contains(where: { RealPath.isPath($0, within: path) }) else {
            return rules.append((path, rights))
        }
        for name in DirectoryNames.list(path).sorted() {
            let entry = path == "/" ? "/" + name : path + "/" + name
            // Where a link leads is shown or hidden on its own account.
            guard RealPath.linkText(entry) == nil else { continue }
            show(entry, rights, except: closed)
        }
    }

    /// The directories of `/` that the policy's root has.
    private var systemNames: [String] {
        let all = host.top.filter { $0.value == .directory }.keys.sorted()
        switch policy.filesystem.root {
        case .hostReadOnly, .hostReadWrite: return all
        case .systemReadOnly: return all.filter(MountPlan.systemNames.contains)
        case .minimal: return all.filter { MountPlan.systemNames.contains($0) && !MinimalRoot.leftOut.contains($0) }
        }
    }
}
