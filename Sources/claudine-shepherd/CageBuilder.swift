internal import CCage
internal import ShepherdProtocolEmbedded

/// The C form of an order. The cage has its own copy of it as soon as it is cloned.
struct CageBuilder {
    private var order = cage_order()
    private let memory = Arena()
    /// Nothing of the order had to be left out.
    private let isWhole: Bool

    /// BPF_MAXINSNS (linux/bpf_common.h).
    private static let mostInstructions = 4096

    init(
        _ start: StartOrder, input: Int32, output: Int32, error: Int32, handoff: Int32, supervisor: Int32,
        cgroups: TaskCgroups
    ) {
        let cage = start.cage
        isWhole =
            cage.seccomp.count % 8 == 0 && cage.seccomp.count / 8 <= Self.mostInstructions
            && cage.listeners.count <= Int(CAGE_MAX_LISTENERS)
        order.namespaces = cage.namespaces
        order.uid = cage.uid
        order.gid = cage.gid
        order.hostname = UnsafePointer(memory.text(cage.hostname))
        order.pid_max = cage.pidMax
        order.nesting = cage.nesting
        order.mounts = memory.list(cage.mounts) { step in
            cage_mount(
                kind: step.kind.rawValue, flags: step.flags.rawValue, source: UnsafePointer(memory.text(step.source)),
                target: UnsafePointer(memory.text(step.target)), size: step.size, inodes: step.inodes, mode: step.mode,
                tree: -1)
        }
        order.mount_count = cage.mounts.count
        order.listeners = UnsafePointer(
            memory.list(cage.listeners) { listener in
                cage_listener(
                    kind: listener.kind.rawValue, port: listener.port, path: UnsafePointer(memory.text(listener.path)))
            })
        order.listener_count = min(cage.listeners.count, Int(CAGE_MAX_LISTENERS))
        order.rlimits = UnsafePointer(
            memory.list(cage.rlimits) { limit in
                cage_rlimit(resource: limit.resource, soft: limit.soft, hard: limit.hard)
            })
        order.rlimit_count = cage.rlimits.count
        order.oom_score_adjust = cage.oomScoreAdjust
        order.nice = cage.nice
        order.landlock_files = cage.landlock.handledFiles
        order.landlock_network = cage.landlock.handledNetwork
        order.landlock_scoped = cage.landlock.scoped
        order.landlock_rules = UnsafePointer(
            memory.list(cage.landlock.rules) { rule in
                cage_landlock_rule(path: UnsafePointer(memory.text(rule.path)), rights: rule.rights)
            })
        order.landlock_rule_count = cage.landlock.rules.count
        order.seccomp = UnsafeRawPointer(memory.text(cage.seccomp))
        // struct sock_filter is 8 bytes (linux/filter.h).
        order.seccomp_instructions = UInt16(truncatingIfNeeded: cage.seccomp.count / 8)
        order.candidates = UnsafePointer(memory.list(start.candidates) { UnsafePointer(memory.text($0)) })
        order.candidate_count = start.candidates.count
        order.arguments = UnsafePointer(memory.vector(start.arguments))
        order.environment = UnsafePointer(memory.vector(start.environment))
        order.working_directory = UnsafePointer(memory.text(start.workingDirectory))
        order.standard_input = input
        order.standard_output = output
        order.standard_error = error
        order.supervisor_lifeline = supervisor
        order.handoff = handoff
        order.cgroup = cgroups.unified
        order.controllers = UnsafePointer(memory.list(cgroups.members) { $0 })
        order.controller_count = cgroups.members.count
        // The init acts after the shepherd would have: its grace, then two seconds.
        order.orphan_wait = start.clocks.orphanGrace.addingClamped(2_000_000_000)
        order.title = cage_title(&order.title_size)
    }

    /// Builds the cage up to the worker's pause before exec.
    mutating func spawn(_ cage: inout cage) -> SpawnError? {
        guard isWhole else { return SpawnError(stage: .prepare, index: 1, errno: E2BIG, found: false) }
        var failure = cage_failure()
        guard cage_spawn(&order, &cage, &failure) < 0 else { return nil }
        return SpawnError(
            stage: SpawnStage(rawValue: failure.stage) ?? .prepare, index: failure.index, errno: failure.error,
            found: failure.found)
    }

    /// Gives the memory back; the order must not be used after this.
    func release() { memory.release() }
}

/// Memory of the C structures, given back at once.
private final class Arena {
    private var blocks: [UnsafeMutableRawPointer] = []

    func text(_ bytes: Bytes) -> UnsafeMutablePointer<CChar> {
        let copy: UnsafeMutablePointer<CChar> = allocate(bytes.count + 1)
        for (index, byte) in bytes.enumerated() { copy[index] = CChar(bitPattern: byte) }
        copy[bytes.count] = 0
        return copy
    }

    func list<Element, Value>(
        _ elements: [Element], _ convert: (Element) -> Value
    ) -> UnsafeMutablePointer<Value> {
        let copy: UnsafeMutablePointer<Value> = allocate(max(elements.count, 1))
        for (index, element) in elements.enumerated() { (copy + index).initialize(to: convert(element)) }
        return copy
    }

    /// A NULL-terminated vector, as execve(2) takes it.
    func vector(_ elements: [Bytes]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        let copy: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = allocate(elements.count + 1)
        for (index, element) in elements.enumerated() { (copy + index).initialize(to: text(element)) }
        (copy + elements.count).initialize(to: nil)
        return copy
    }

    func release() {
        for block in blocks { block.deallocate() }
        blocks = []
    }

    private func allocate<Value>(_ count: Int) -> UnsafeMutablePointer<Value> {
        let block = UnsafeMutablePointer<Value>.allocate(capacity: count)
        blocks.append(UnsafeMutableRawPointer(block))
        return block
    }
}
