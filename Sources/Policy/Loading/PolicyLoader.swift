/// Turns the text of a policy file into a `Policy`, refusing all that is not exactly understood.
struct PolicyLoader {
    let paths: PathText
    /// Whether lists that make a policy stricter add to what they inherit: in a workspace's file nothing can be left out.
    var adding = false
    /// Finds the policy that `extends` names.
    let base: (String) throws(PolicyError) -> Policy

    static let schema = 1
    static let headKeys = ["schema", "name", "description", "extends"]

    func load(_ source: PolicySource) throws(PolicyError) -> Policy {
        try PolicyKeys.check(source, besides: Self.headKeys)
        let root = PolicyTable(source)
        _ = try root.integer("schema", in: Self.schema...Self.schema)
        let name = try root.text("name")
        guard PolicyName.isValid(name) else {
            throw root.failure("name", "'\(name)' is not a policy name", bound: PolicyName.accepted, found: name)
        }
        let description = try root.text("description")
        let base: Policy? = root.has("extends") ? try self.base(try root.text("extends")) : nil
        let policy = try read(root, name: name, description: description, base: base)
        try PolicyConsistency(source: source, policy: policy).check()
        return policy
    }

    /// Everything but the head; what is missing is the base's, or an error where there is none.
    func read(
        _ root: PolicyTable, name: String, description: String, base: Policy?
    ) throws(PolicyError) -> Policy {
        Policy(
            name: name,
            description: description,
            onMissing: try onMissing(root, base?.onMissing),
            require: try layers(root, base),
            process: try process(root, base?.process),
            limits: try limits(root, base?.limits),
            filesystem: try filesystem(root, base?.filesystem),
            workspace: try workspace(root, base?.workspace),
            network: Policy.Network(mode: try root.table("network").choice("mode", inherit: base?.network.mode)),
            credentials: Policy.Credentials(
                api: try root.table("credentials").choice("api", inherit: base?.credentials.api)),
            environment: try environment(root, base?.environment),
            syscalls: try syscalls(root, base?.syscalls),
            landlock: try landlock(root, base?.landlock))
    }

    private func layers(_ root: PolicyTable, _ base: Policy?) throws(PolicyError) -> [Layer] {
        let known = Layer.allCases.map(\.rawValue).joined(separator: ", ")
        let names = try root.texts("require", inherit: base?.require.map(\.rawValue), adding: adding) {
            name throws(TextProblem) in
            guard let layer = Layer(rawValue: name) else { throw TextProblem("is no layer; known: \(known)") }
            guard layer != .notification else { throw TextProblem(Self.notRequirable) }
            return name
        }
        return names.compactMap(Layer.init(rawValue:))
    }

    /// A word for all layers, or a table with a word for some and `default` for the others.
    private func onMissing(_ root: PolicyTable, _ base: OnMissing?) throws(PolicyError) -> OnMissing {
        guard root.isTable("on_missing") else {
            let word: OnMissing.Reaction? = try root.has("on_missing") ? root.choice("on_missing") : nil
            return try root.inherited(word.map(OnMissing.init) ?? base, "on_missing")
        }
        let table = try root.table("on_missing").only(["default"] + Layer.allCases.map(\.rawValue))
        let word: OnMissing.Reaction? = try table.has("default") ? table.choice("default") : nil
        var result = try table.inherited(word.map(OnMissing.init) ?? base, "default")
        for layer in Layer.allCases where table.has(layer.rawValue) {
            let reaction: OnMissing.Reaction = try table.choice(layer.rawValue)
            guard layer != .notification || reaction == .degrade else {
                throw table.failure(
                    layer.rawValue, "'notify' \(Self.notRequirable)", bound: "degrade", found: reaction.rawValue)
            }
            result.set(layer, to: reaction)
        }
        return result
    }

    private static let notRequirable = "is never required: without it denied calls are refused, but not reported"

    private func process(_ root: PolicyTable, _ base: Policy.Process?) throws(PolicyError) -> Policy.Process {
        let table = try root.table("process")
        return Policy.Process(
            wallTime: try table.quantity("wall_time", in: PolicyRange.clock, inherit: base?.wallTime),
            idleTime: try table.quantity("idle_time", in: PolicyRange.clock, inherit: base?.idleTime),
            killGrace: try table.quantity("kill_grace", in: PolicyRange.grace, inherit: base?.killGrace),
            linger: try table.quantity("linger", in: PolicyRange.grace, inherit: base?.linger),
            nice: try table.integer("nice", in: 0...19, inherit: base?.nice),
            oomScoreAdj: try table.integer("oom_score_adj", in: 0...1000, inherit: base?.oomScoreAdj),
            nestedSandbox: try table.flag("nested_sandbox", inherit: base?.nestedSandbox),
            onLost: try table.choice("on_lost", inherit: base?.onLost),
            onStragglers: try table.choice("on_stragglers", inherit: base?.onStragglers))
    }

    private func limits(_ root: PolicyTable, _ base: Policy.Limits?) throws(PolicyError) -> Policy.Limits {
        let table = try root.table("limits")
        let output = try table.table("output")
        return Policy.Limits(
            processes: try table.integer("processes", in: PolicyRange.processes, inherit: base?.processes),
            memory: try table.quantity("memory", in: PolicyRange.memory, inherit: base?.memory),
            openFiles: try table.integer("open_files", in: PolicyRange.openFiles, inherit: base?.openFiles),
            fileSize: try table.quantity("file_size", in: PolicyRange.fileSize, inherit: base?.fileSize),
            cpuTime: try table.quantity("cpu_time", in: PolicyRange.cpuTime, inherit: base?.cpuTime),
            cpuWeight: try table.integer("cpu_weight", in: PolicyRange.cpuWeight, inherit: base?.cpuWeight),
            disk: try table.quantity("disk", in: PolicyRange.disk, inherit: base?.disk),
            lockedMemory: try table.quantity("locked_memory", in: PolicyRange.size, inherit: base?.lockedMemory),
            output: Policy.Output(
                head: try output.quantity("head", in: PolicyRange.kept, inherit: base?.output.head),
                tail: try output.quantity("tail", in: PolicyRange.kept, inherit: base?.output.tail),
                limit: try output.quantity("limit", in: PolicyRange.output, inherit: base?.output.limit)))
    }

    private func filesystem(
        _ root: PolicyTable, _ base: Policy.Filesystem?
    ) throws(PolicyError) -> Policy.Filesystem {
        let table = try root.table("filesystem")
        let tmp = try table.table("tmp")
        let home = try table.table("home")
        let mode: Policy.Home.Mode = try home.choice("mode", inherit: base?.home.mode)
        return Policy.Filesystem(
            root: try table.choice("root", inherit: base?.root),
            read: try table.grants("read", inherit: base?.read, read: paths.canonical),
            write: try table.grants("write", inherit: base?.write, read: paths.canonical),
            deny: try table.texts("deny", inherit: base?.deny, adding: adding, read: hidden),
            tmp: Policy.Temporary(
                size: try tmp.quantity("size", in: PolicyRange.tmpfs, inherit: base?.tmp.size),
                exec: try tmp.flag("exec", inherit: base?.tmp.exec)),
            home: Policy.Home(
                mode: mode, size: try size(home, when: mode == .memory, "mode = \"memory\"", inherit: base?.home.size)),
            shm: try table.quantity("shm", in: PolicyRange.tmpfs, inherit: base?.shm),
            dev: try table.choice("dev", inherit: base?.dev))
    }

    private func workspace(_ root: PolicyTable, _ base: Policy.Workspace?) throws(PolicyError) -> Policy.Workspace {
        let table = try root.table("workspace")
        let mode: Policy.Workspace.Mode = try table.choice(
            "mode",
            reserved: [
                "review": "reviewing changes before they land is not built yet; write \"direct\" or \"readonly\"",
                "copy": "working on a copy is not built yet; write \"direct\" or \"readonly\"",
            ], inherit: base?.mode)
        return Policy.Workspace(
            mode: mode,
            protect: try table.texts("protect", inherit: base?.protect, adding: adding, read: Self.protected),
            size: try size(table, when: mode == .scratch, "mode = \"scratch\"", inherit: base?.size))
    }

    /// A size that belongs to one mode only: needed there, refused elsewhere.
    private func size(
        _ table: PolicyTable, when needed: Bool, _ condition: String, inherit: ByteSize?
    ) throws(PolicyError) -> ByteSize? {
        guard !needed || table.has("size") || inherit != nil else {
            throw table.failure("size", "missing; \(condition) needs one", bound: "given", found: "")
        }
        guard !needed else { return try table.quantity("size", in: PolicyRange.tmpfs, inherit: inherit) }
        guard !table.has("size") else {
            throw table.failure("size", "only \(condition) has a size", bound: condition, found: "size")
        }
        return nil
    }

    private func environment(
        _ root: PolicyTable, _ base: Policy.Environment?
    ) throws(PolicyError) -> Policy.Environment {
        let table = try root.table("environment")
        return Policy.Environment(
            inherit: try table.texts("inherit", inherit: base?.inherit, read: refusing(VariableName.patternProblem)),
            set: try table.dictionary("set", inherit: base?.set, check: VariableName.settingProblem),
            path: try table.texts("path", inherit: base?.path) { path throws(TextProblem) in
                guard !path.hasPrefix("~") else { throw TextProblem("has to be an absolute path") }
                guard !path.contains(":") else { throw TextProblem("must not hold a colon") }
                return try paths.canonical(path)
            })
    }

    private func syscalls(_ root: PolicyTable, _ base: Policy.Syscalls?) throws(PolicyError) -> Policy.Syscalls {
        let table = try root.table("syscalls")
        return Policy.Syscalls(
            profile: try table.choice(
                "profile", reserved: ["docker": "there is no such profile yet; write \"agent\""],
                inherit: base?.profile),
            allow: try table.texts("allow", inherit: base?.allow, read: refusing(SyscallNames.spellingProblem)),
            deny: try table.texts(
                "deny", inherit: base?.deny, adding: adding, read: refusing(SyscallNames.unknownProblem)),
            denied: try table.choice("denied", inherit: base?.denied))
    }

    private func landlock(_ root: PolicyTable, _ base: Policy.Landlock?) throws(PolicyError) -> Policy.Landlock {
        let table = try root.table("landlock")
        return Policy.Landlock(
            mode: try table.choice(
                "mode", reserved: ["fallback": "running without namespaces is not built yet; write \"second-wall\""],
                inherit: base?.mode),
            minAbi: try table.integer("min_abi", in: 1...16, inherit: base?.minAbi))
    }
}

extension PolicyLoader {
    /// An entry of `filesystem.deny`.
    private func hidden(_ entry: String) throws(TextProblem) -> String {
        guard entry.hasPrefix("@") else { return try paths.canonical(entry) }
        guard HiddenSet(rawValue: entry) != nil else {
            throw TextProblem("is no named set; known: \(HiddenSet.accepted)")
        }
        return entry
    }

    /// An entry of `workspace.protect`.
    private static func protected(_ entry: String) throws(TextProblem) -> String {
        guard entry.hasPrefix("@") else { return try PathText.relative(entry, to: "the workspace") }
        guard ProtectedSet(rawValue: entry) != nil else {
            throw TextProblem("is no named set; known: \(ProtectedSet.accepted)")
        }
        return entry
    }

    /// Takes a text as it stands, unless there is a reason against it.
    private func refusing(_ problem: @escaping (String) -> String?) -> (String) throws(TextProblem) -> String {
        { text throws(TextProblem) in
            if let reason = problem(text) { throw TextProblem(reason) }
            return text
        }
    }
}

/// What a policy file may say; everything outside is a mistake.
enum PolicyRange {
    /// At least a second.
    static let clock = Bound.limited(TimeSpan(milliseconds: 1_000))...Bound<TimeSpan>.unlimited
    static let grace = TimeSpan(milliseconds: 0)...TimeSpan(milliseconds: 600_000)
    static let cpuTime = Bound.limited(TimeSpan(milliseconds: 1_000))...Bound<TimeSpan>.unlimited
    /// The kernel's CGROUP_WEIGHT_MIN and CGROUP_WEIGHT_MAX (linux/cgroup.h).
    static let cpuWeight = 1...10_000
    static let disk = Bound.limited(ByteSize(bytes: 1 << 20))...Bound<ByteSize>.unlimited
    /// 16: Claude Code's floor is 11 tasks; 4194304: PID_MAX_LIMIT of the kernel.
    static let processes = 16...4_194_304
    static let memory = Bound.limited(ByteSize(bytes: 16 << 20))...Bound<ByteSize>.unlimited
    /// 64: the least with which developer tools worked; 1048576: the kernel's fs.nr_open.
    static let openFiles = 64...1_048_576
    /// Claude Code's transcript needs 256K.
    static let fileSize = Bound.limited(ByteSize(bytes: 256 << 10))...Bound<ByteSize>.unlimited
    static let size = ByteSize(bytes: 0)...ByteSize(bytes: 1 << 40)
    static let tmpfs = ByteSize(bytes: 1 << 20)...ByteSize(bytes: 1 << 40)
    static let kept = ByteSize(bytes: 4 << 10)...ByteSize(bytes: 1 << 40)
    static let output = Bound.limited(ByteSize(bytes: 4 << 10))...Bound<ByteSize>.unlimited
}
