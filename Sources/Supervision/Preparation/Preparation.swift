package import Agents
import Foundation
import Gateway
package import Policy
import ShepherdProtocol
package import Store

/// What the caller is and has: given once, so that preparing is a function of its arguments.
package struct Caller: Sendable {
    package var environment: [String: String]
    package var workingDirectory: String
    package var configuration: OperatorConfiguration
    package var policies: PolicyLibrary
    package var agents: AgentLibrary

    package init(
        environment: [String: String], workingDirectory: String, configuration: OperatorConfiguration,
        policies: PolicyLibrary, agents: AgentLibrary
    ) {
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.configuration = configuration
        self.policies = policies
        self.agents = agents
    }

    var home: String? { environment["HOME"] }
}

/// What one run adds to its task's request.
package struct RunRequest: Sendable {
    package var limits = LimitRequest()
    package var variables: [EnvironmentRequest] = []
    package var standardInput = PreparedAttempt.StandardInput.none
    /// Canonical files of the host that a command is shown read-only, wherever they lie.
    package var programs: [String] = []

    package init() {}
}

/// Request and policy become one frozen attempt: everything is looked up and checked here, nothing has an effect yet.
package struct Preparation: Sendable {
    private let caller: Caller
    private let paths: StatePaths

    package init(caller: Caller, paths: StatePaths) {
        self.caller = caller
        self.paths = paths
    }

    /// - Throws: `Refusal` with the contract's reason; the task must then be recorded as refused.
    ///
    /// - Parameters:
    ///   - attempt: the number it will have.
    ///   - session: the agent's own session that this attempt goes on with, of an earlier one of the same task.
    package func prepare(
        _ given: TaskSpec, _ request: RunRequest, id: TaskID, attempt: Int = 1, session: String? = nil
    ) throws(Refusal) -> PreparedAttempt {
        var spec = given
        if spec.policyFile == nil, PolicyLibrary.isFile(spec.policy) {
            spec.policyFile = URL(fileURLWithPath: spec.policy).standardizedFileURL.path
        }
        let named = try refusing { () throws(PolicyError) in
            try caller.policies.load(spec.policyFile ?? spec.policy).policy
        }
        spec.workspace = try refusing { () throws(PolicyError) in
            try WorkspaceCheck.canonical(spec.workspace, home: caller.home, stateDirectory: paths.directory)
        }
        let tightened = try refusing { () throws(PolicyError) in
            try WorkspaceFile.tighten(named, in: spec.workspace, host: .current(home: caller.home))
        }
        let policy = try refusing { () throws(PolicyError) in
            try (tightened?.policy ?? named).narrowed(
                by: request.limits, tightenedBy: tightened?.changes.isEmpty == false ? tightened?.file : nil)
        }
        if let grant = spec.grant {
            try refusing { () throws(PolicyError) in try grant.check(policy, spec.workspace, caller) }
        }
        // Of the policy as it is in its file: people compare it, whatever options a task was given.
        let canonical = try refusing { () throws(PolicyError) in try named.canonicalJSON() }
        let digest = Policy.digest(ofCanonicalJSON: canonical)
        let effective =
            policy == named ? canonical : try refusing { () throws(PolicyError) in try policy.canonicalJSON() }
        spec.policy = policy.name
        var work = try work(of: session.map { spec.goingOn(with: $0) } ?? spec, id: id, request)
        var environment = try refusing { () throws(PolicyError) in
            try CageEnvironment(policy: policy, caller: caller.environment, requests: request.variables)
        }
        environment.add(work.environment)

        var order = StartOrder()
        order.clocks = policy.clocks
        order.output = policy.outputOrder
        order.limits = policy.limitOrder
        let identity = WorkerIdentity.of(task: id, workspace: spec.workspace)
        let containment = try contain(
            policy, spec, identity, paths.attempt(id, attempt), paths.home(spec.homeOf ?? id), work)
        order.cage = containment.order
        if let places = containment.places {
            environment.move(to: places)
            work.move(to: places)
        }
        order.candidates = candidates(work.program, policy)
        order.arguments = work.arguments.map { Bytes($0.utf8) }
        order.environment = environment.entries
        order.workingDirectory = Bytes(spec.workspace.utf8)
        let cgroups = Cgroups.available(task: id, attempt: attempt, for: policy)
        if let unified = cgroups.unified { order.cage.cgroup = Bytes(unified.utf8) }
        order.cage.controllers = cgroups.legacy.map { Bytes($0.utf8) }
        // Nobody has to sample what the kernel limits.
        if cgroups.limitsMemory { order.limits.memory = .max }
        let capped = cgroups.limitsProcesses ? [Layer.processCap.recordName] : []
        let degraded = containment.degraded.filter { !capped.contains($0) }

        var frozen = frozen(policy, (digest, effective), order, degraded, cgroups, work)
        if let tightened, !tightened.changes.isEmpty {
            frozen.tightenedBy = TighteningFile(file: tightened.file, fields: tightened.changes.map(\.key))
        }
        return PreparedAttempt(
            taskID: id, spec: spec, frozen: frozen, order: order,
            policy: policy, cgroups: cgroups, unguardedNames: unguarded(policy, spec.workspace),
            format: work.format, standardInput: work.standardInput, files: accounts(identity) + work.files,
            gateway: try gateway(policy), tightened: tightened)
    }

    /// What is to be executed, whoever decided it.
    private struct Work {
        /// A path, or a name to look for on the cage's PATH.
        var program: String
        var arguments: [String]
        var environment: [String: String] = [:]
        var visible: [String] = []
        /// Files to be written to the attempt's directory and shown at a place of their own.
        var materialised: [MaterialisedFile] = []
        var standardInput: PreparedAttempt.StandardInput
        var format: AgentDefinition.ResultFormat?

        /// Without mounts the agent finds its files where they were written.
        mutating func move(to places: BestEffortPlaces) {
            for file in materialised {
                let path = "\(places.files)/\(file.name)"
                arguments = arguments.map { $0.replacing(file.path, with: path) }
                if program == file.path { program = path }
            }
        }

        var files: [PreparedAttempt.AttemptFile] {
            materialised.map { .init(path: "files/\($0.name)", bytes: $0.bytes, mode: 0o555) }
        }
    }

    private func work(of spec: TaskSpec, id: TaskID, _ request: RunRequest) throws(Refusal) -> Work {
        if let command = spec.command {
            return Work(
                program: command.first ?? "", arguments: command, environment: Self.gatewayEnvironment,
                visible: request.programs, standardInput: request.standardInput, format: nil)
        }
        let lookup = ExecutableLookup(
            path: caller.environment["PATH"] ?? "", home: caller.home ?? "/", workingDirectory: caller.workingDirectory)
        let session: AgentRequest.Session =
            spec.resumeSessionId.map { .resume($0) } ?? .new(UUID().uuidString.lowercased())
        let invocation = try refusing { () throws(AgentError) in
            try caller.agents.agent(spec.agent).invocation(
                AgentRequest(
                    prompt: spec.prompt ?? "", model: spec.model, maxTurns: spec.maxTurns, budgetUsd: spec.budgetUsd,
                    session: session, workspace: spec.workspace),
                lookup: lookup)
        }
        var inherited = Self.gatewayEnvironment
        for name in invocation.environmentNames { inherited[name] = caller.environment[name] }
        let input: PreparedAttempt.StandardInput =
            switch invocation.standardInput {
            case .none: .none
            case .bytes(let bytes): .bytes(bytes)
            }
        return Work(
            program: invocation.executable.path, arguments: invocation.arguments,
            environment: inherited.merging(invocation.environment) { $1 }, visible: invocation.executable.visible,
            materialised: invocation.files, standardInput: input, format: invocation.format)
    }

    /// The way to the model is the same for every program in a cage; the key is not in it.
    private static let gatewayEnvironment = [
        "ANTHROPIC_BASE_URL": "http://localhost",
        "ANTHROPIC_UNIX_SOCKET": CagePaths.gatewaySocket,
        "ANTHROPIC_API_KEY": "claudine-placeholder",
    ]

    /// What execvp(3) would try, with the PATH that is in force inside.
    private func candidates(_ program: String, _ policy: Policy) -> [Bytes] {
        guard !program.isEmpty else { return [] }
        guard !program.contains("/") else {
            // A relative path is relative to the workspace, which the worker has entered by then.
            return [Bytes(program.utf8)]
        }
        return policy.environment.path.map { Bytes("\($0)/\(program)".utf8) }
    }

    private func contain(
        _ policy: Policy, _ spec: TaskSpec, _ identity: WorkerIdentity, _ attempt: String, _ home: String, _ work: Work
    ) throws(Refusal) -> Containment {
        let request = CageRequest(
            workspace: spec.workspace, home: home, passwd: "\(attempt)/etc/passwd", group: "\(attempt)/etc/group",
            workerUid: identity.uid, workerGid: identity.gid, stateDirectory: paths.directory, programs: work.visible)
        let plan = ContainmentPlan(
            policy: policy, request: request, places: BestEffortPlaces(home: home, attempt: attempt), home: caller.home,
            cache: SeccompCache(directory: "\(paths.directory)/seccomp")
        ) { () throws(SupervisionError) in try Machine.current(paths) }
        var containment = try plan.decide()
        guard containment.places == nil else { return containment }
        // Shown before the skeleton around them is made read-only.
        let mounts = containment.order.mounts
        containment.order.mounts.insert(
            contentsOf: work.materialised.map { file in
                MountStep(
                    .bind, flags: .readOnly, source: Bytes("\(attempt)/files/\(file.name)".utf8),
                    target: Bytes(file.path.utf8))
            }, at: mounts.firstIndex { $0.kind == .seal } ?? mounts.endIndex)
        return containment
    }

    /// What the mounts of a writable workspace cannot protect.
    private func unguarded(_ policy: Policy, _ workspace: String) -> [String] {
        policy.workspace.mode == .direct ? ProtectedPaths.unguarded(policy.workspace.protect, in: workspace) : []
    }

    private func accounts(_ identity: WorkerIdentity) -> [PreparedAttempt.AttemptFile] {
        func host(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
        let passwd = AccountFiles.passwdFile(hostText: host("/etc/passwd"), uid: identity.uid, gid: identity.gid)
        let group = AccountFiles.groupFile(hostText: host("/etc/group"), uid: identity.uid, gid: identity.gid)
        return [
            .init(path: "etc/passwd", bytes: Array(passwd.utf8), mode: 0o444),
            .init(path: "etc/group", bytes: Array(group.utf8), mode: 0o444),
        ]
    }

    /// The upstream is the operator's, else the caller's own base URL, else the public API.
    private func gateway(_ policy: Policy) throws(Refusal) -> GatewayConfiguration? {
        guard policy.credentials.api == .gateway else { return nil }
        return try refusing { () throws(GatewayError) in
            let given = caller.environment["ANTHROPIC_BASE_URL"].flatMap { $0.isEmpty ? nil : $0 }
            let upstream = caller.configuration.upstream ?? given
            let credential = try CredentialSource.parse(caller.configuration.credential)
                .resolve(environment: caller.environment, home: caller.home)
            let address = try upstream.map { text throws(GatewayError) in try UpstreamAddress.parse(text) }
            return GatewayConfiguration(upstream: address ?? .publicAPI, credential: credential)
        }
    }

    private func frozen(
        _ policy: Policy, _ recorded: (digest: String, json: String), _ order: StartOrder, _ degraded: [String],
        _ cgroups: Cgroups, _ work: Work
    ) -> FrozenAttempt {
        let names = order.environment.map { String(decoding: $0.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self) }
        var layers = order.cage.layers.map(\.recordName).filter { !degraded.contains($0) }
        let cgroupPaths = ([order.cage.cgroup] + order.cage.controllers).filter { !$0.isEmpty }
        if !cgroupPaths.isEmpty { layers.append("cgroup") }
        var limits = policy.recordLimits
        let watched = order.limits.memory != .max
        if policy.limits.memory.value != nil { limits["memoryEnforcement"] = watched ? "watchdog" : "cgroup" }
        var frozen = FrozenAttempt(
            policyName: policy.name, policyDigest: recorded.digest, policyJSON: recorded.json,
            containment: order.cage.namespaces != 0 ? "kernel" : cgroups.endsAll ? "cgroup" : "bestEffort",
            layers: layers, degraded: degraded, limits: limits, argv: work.arguments, environmentNames: names,
            resultFormat: work.format?.rawValue)
        if !cgroupPaths.isEmpty { frozen.cgroups = cgroupPaths.map { String(decoding: $0, as: UTF8.self) } }
        return frozen
    }
}

extension TaskSpec {
    /// The same task, its agent going on where an earlier attempt was broken off.
    fileprivate func goingOn(with session: String) -> TaskSpec {
        var spec = self
        spec.resumeSessionId = session
        spec.prompt = "Continue."
        return spec
    }
}
