internal import CCage
internal import ShepherdProtocolEmbedded

/// One attempt, from START to an empty tree: a single-threaded loop over descriptors that hands events to the ladder and
/// does what the ladder says. It alone signals, keeps time and writes output; it reports facts and decides no outcome.
final class Shepherd {
    private var inbox = Inbox()
    private var outbox = Outbox()
    private var order: StartOrder?
    private var ladder = Ladder(clocks: Clocks())
    private var capture: Capture?
    private var receipt: ReceiptWriter?
    private var sampler = Sampler()
    private var deniedCalls = DeniedCalls()

    private var cage = CCage.cage(
        init: 0, init_pidfd: -1, control: -1, lifeline: -1, exec_status: -1, children: -1)
    /// Best-effort level only: what an init and its PID namespace would answer for.
    private var tree: Tree?
    private var leaderSeen = false
    private var nextLook = UInt64.max
    private var cgroups = TaskCgroups.none
    private var worker: Int32 = 0
    private var workerPidfd: Int32 = -1
    private var pidMax: UInt32 = 0
    private var spawnFailed = false
    private var receivedAt: UInt64 = 0
    private var releasedAt: UInt64 = 0
    private var killedAt: UInt64 = 0
    private var exit: LeaderExit?
    private var stragglers: UInt32 = 0

    private var supervisorGone = false
    private var acknowledged = false
    private var finished = false
    /// The supervisor went away while something could still run.
    private var isOrphan = false
    private var buildDeadline = UInt64.max
    private var nextHeartbeat = UInt64.max
    private let timer = cage_timer()
    private let lockHeld: Bool

    init() {
        let lock = cage_open_at(
            Inherited.attemptDirectory, "alive.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        // Held until we are gone, whatever becomes of the supervisor: the proof of life that needs no pid.
        lockHeld = lock >= 0 && Self.take(lock)
        outbox.post(
            .hello(
                Hello(
                    oldestVersion: Frame.oldestVersion, newestVersion: Frame.newestVersion,
                    pid: UInt32(bitPattern: getpid()),
                    startTime: ProcReader.startTime(of: getpid()), at: cage_boottime(), lockHeld: lockHeld)))
    }

    /// - Returns: the exit code: 0 done or never started, 70 the supervisor went away while the worker ran, 71 no timer.
    func run() -> Int32 {
        guard timer >= 0 else { return 71 }
        while true {
            if !supervisorGone, !outbox.flush(to: Inherited.reports) { lostSupervisor(.supervisorGone) }
            if isOver { return isOrphan ? 70 : 0 }
            arm()
            wait()
        }
    }

    private var isOver: Bool {
        if order == nil { return supervisorGone || finished }
        return finished && (supervisorGone || acknowledged)
    }

    // MARK: Waiting

    private func arm() {
        var next = min(nextHeartbeat, sampler.next, buildDeadline, deniedCalls.next, nextLook)
        if let deadline = ladder.nextDeadline { next = min(next, deadline) }
        _ = cage_timer_arm(timer, next == .max ? 0 : next)
    }

    private func wait() {
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 9) { polls in
            polls[0] = pollfd(fd: supervisorGone ? -1 : Inherited.commands, events: Int16(POLLIN), revents: 0)
            polls[1] = pollfd(
                fd: supervisorGone ? -1 : Inherited.reports, events: outbox.isEmpty ? 0 : Int16(POLLOUT), revents: 0)
            polls[2] = pollfd(fd: timer, events: Int16(POLLIN), revents: 0)
            polls[3] = pollfd(fd: cage.control, events: Int16(POLLIN), revents: 0)
            polls[4] = pollfd(fd: cage.exec_status, events: Int16(POLLIN), revents: 0)
            polls[5] = pollfd(fd: max(cage.init_pidfd, cage.children), events: Int16(POLLIN), revents: 0)
            polls[6] = pollfd(fd: capture?.waitable(.stdout) ?? -1, events: Int16(POLLIN), revents: 0)
            polls[7] = pollfd(fd: capture?.waitable(.stderr) ?? -1, events: Int16(POLLIN), revents: 0)
            polls[8] = pollfd(fd: deniedCalls.listener, events: Int16(POLLIN), revents: 0)
            guard poll(polls.baseAddress, 9, -1) > 0 else { return }
            let now = cage_boottime()
            // Commands and clocks before output: a flood must not delay a kill.
            if polls[0].revents != 0 { readCommands(at: now) }
            if polls[1].revents & Int16(POLLERR) != 0 { lostSupervisor(.supervisorGone) }
            if polls[2].revents != 0 { tick(at: now) }
            if polls[3].revents != 0 { readCage(at: now) }
            if polls[4].revents != 0 { execStatusClosed(at: now) }
            if polls[8].revents != 0 { refuseCall(polls[8].revents, at: now) }
            if polls[6].revents != 0 { takeOutput(.stdout, at: now) }
            if polls[7].revents != 0 { takeOutput(.stderr, at: now) }
            if polls[5].revents != 0 {
                if tree == nil { cageEnded(at: cage_boottime()) } else { lookAfterTree(at: cage_boottime()) }
            }
        }
    }

    private func tick(at now: UInt64) {
        var expirations: UInt64 = 0
        _ = read(timer, &expirations, 8)
        if now >= buildDeadline {
            // A mount that does not answer must not keep a task in its start for ever.
            return fail(SpawnError(stage: .prepare, index: 2, errno: ETIMEDOUT, found: false))
        }
        // Silence because nobody reads is not the worker's.
        if capture?.waitsForReader == true { ladder.output(at: now) }
        perform(ladder.expire(at: now), at: now)
        if now >= nextHeartbeat, let order {
            cage_trim_memory()
            nextHeartbeat = now.addingClamped(order.clocks.heartbeat)
            outbox.post(.heartbeat(at: now))
        }
        if now >= nextLook { lookAfterTree(at: now) }
        if now >= sampler.next, let order {
            let (usage, broken) = sampler.sample(order.limits, at: now)
            outbox.post(.usage(usage))
            // What goes on growing is not asked; processor time is a clock like the others.
            if let broken { perform(ladder.stop(broken, force: broken != .cpu, at: now), at: now) }
            noteMemoryEnd(at: now)
        }
        if now >= deniedCalls.next {
            for denied in deniedCalls.due(at: now) { outbox.post(.denied(denied)) }
        }
    }

    // MARK: The supervisor

    private func readCommands(at now: UInt64) {
        while !supervisorGone {
            switch inbox.next(from: Inherited.commands) {
            case .command(let command): obey(command, at: now)
            case .quiet: return
            case .gone: lostSupervisor(.supervisorGone)
            case .broken: lostSupervisor(.protocolError)
            }
        }
    }

    private func obey(_ command: Command, at now: UInt64) {
        switch command {
        case .start(let start):
            guard order == nil, !finished else { return lostSupervisor(.protocolError) }
            begin(start, at: now)
        case .stop(let reason, let force):
            perform(ladder.stop(reason, force: force, at: now), at: now)
        case .credit(let stream, let offset): capture?.credit(stream, offset: offset)
        case .abort:
            if order == nil { finished = true } else { perform(ladder.stop(.cancel, force: true, at: now), at: now) }
        case .acknowledge: acknowledged = true
        }
    }

    private func lostSupervisor(_ reason: StopReason) {
        guard !supervisorGone else { return }
        supervisorGone = true
        guard order != nil, !finished else { return }
        isOrphan = true
        // Nobody reads what a paced run passes on any more; the worker must not hang on it while it is asked to end.
        capture?.stopPacing()
        let now = cage_boottime()
        perform(ladder.stop(reason, force: false, at: now), at: now)
    }

    // MARK: The cage

    private func begin(_ start: StartOrder, at now: UInt64) {
        order = start
        receivedAt = now
        ladder = Ladder(clocks: start.clocks)
        nextHeartbeat = now.addingClamped(start.clocks.heartbeat)
        buildDeadline = now.addingClamped(Self.longestBuild)
        receipt = ReceiptWriter(directory: Inherited.attemptDirectory, fence: start.fence, nonce: start.nonce)
        var output: (Int32, Int32) = (-1, -1)
        var error: (Int32, Int32) = (-1, -1)
        guard lockHeld, receipt != nil else { return fail(.prepare) }
        // What is left in a pipe at the end is read without asking a paced reader: the ring must have room for that, too.
        let wanted = start.output.paced ? min(Self.pipeSize, max(4096, start.output.tail / 2)) : Self.pipeSize
        let capacity = max(Self.makePipe(&output, wanted), Self.makePipe(&error, wanted))
        guard capacity > 0 else { return fail(.output) }
        var outputOrder = start.output
        outputOrder.window = min(
            start.output.window, start.output.tail > capacity ? start.output.tail - capacity : 4096)
        capture = Capture(
            order: outputOrder, directory: Inherited.attemptDirectory, stdoutPipe: output.0, stderrPipe: error.0)
        guard capture != nil else { return fail(.output) }
        guard let cgroups = TaskCgroups(start.cage) else { return fail(.cgroup) }
        self.cgroups = cgroups
        // What cannot be announced must not happen: without this byte recovery would swear that nothing ever ran.
        guard receipt?.enter(.forking) == true else { return fail(.prepare) }
        var builder = CageBuilder(
            start, input: Inherited.standardInput, output: output.1, error: error.1, handoff: Inherited.handoff,
            supervisor: Inherited.commands, cgroups: cgroups)
        let failure = builder.spawn(&cage)
        builder.release()
        for descriptor in [output.1, error.1, Inherited.standardInput, Inherited.handoff] { _ = close(descriptor) }
        if let failure { return fail(failure) }
        if start.cage.namespaces == 0 {
            let tree = Tree(leader: cage.`init`)
            self.tree = tree
            sampler.tree = tree
            sampler.proc = ProcReader.open(
                ProcReader.bytes("/proc"), below: AT_FDCWD, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
    }

    private func readCage(at now: UInt64) {
        var message = cage_message()
        var sender: pid_t = 0
        var descriptor: Int32 = -1
        while cage.control >= 0 {
            let received = cage_receive(&cage, &message, &sender, &descriptor)
            if received == 0 { return }
            if received < 0 {
                _ = close(cage.control)
                cage.control = -1
                return
            }
            switch message.kind {
            case CAGE_MESSAGE_FAILED.rawValue:
                fail(
                    SpawnError(
                        stage: SpawnStage(rawValue: UInt8(truncatingIfNeeded: message.stage)) ?? .prepare,
                        index: UInt16(truncatingIfNeeded: message.index), errno: message.value,
                        found: message.found != 0))
            case CAGE_MESSAGE_BUILT.rawValue:
                sampler.proc = descriptor
                pidMax = UInt32(bitPattern: message.value)
                // RLIMIT_NPROC, which is counted per user namespace, is the cap then.
                if message.index != 0 { order?.cage.pidMax = 0 }
            case CAGE_MESSAGE_READY.rawValue:
                if descriptor >= 0 { deniedCalls.listen(on: descriptor) }
                verify(sender, at: now)
            case CAGE_MESSAGE_EXITED.rawValue:
                let end: ProcessEnd =
                    message.index == UInt32(CLD_EXITED)
                    ? .exited(code: UInt8(truncatingIfNeeded: message.value))
                    : .signalled(UInt8(truncatingIfNeeded: message.value))
                leaderExited(end, survivors: message.count, at: now)
            default: break
            }
        }
    }

    /// The worker waits just before exec: what is in force is read back, and only a match lets it go on.
    private func verify(_ pid: Int32, at now: UInt64) {
        guard let order, !spawnFailed else { return }
        worker = pid
        workerPidfd = cage_pidfd_open(pid)
        guard workerPidfd >= 0, let found = CageReadback.read(worker: pid, pidMax: pidMax) else {
            return fail(SpawnError(stage: .receipt, index: 0, errno: cage_errno(), found: false))
        }
        outbox.post(.receipt(found))
        guard CageReadback.matches(found, order.cage) else {
            return fail(SpawnError(stage: .receipt, index: 1, errno: 0, found: false))
        }
        // A stop that came meanwhile has already killed the cage.
        guard ladder.phase == .starting else { return }
        receipt?.enter(.running)
        guard cage_release(&cage) == 0 else {
            return fail(SpawnError(stage: .receipt, index: 2, errno: cage_errno(), found: false))
        }
        releasedAt = cage_boottime()
        buildDeadline = .max
        shrink()
    }

    /// What START took is not needed any more: a shepherd that only waits should cost next to nothing.
    private func shrink() {
        order?.cage.seccomp = []
        order?.cage.mounts = []
        order?.cage.landlock.rules = []
        order?.environment = []
        order?.arguments = []
        cage_trim_memory()
    }

    private func execStatusClosed(at now: UInt64) {
        _ = close(cage.exec_status)
        cage.exec_status = -1
        // A failed exec says so before its descriptor closes.
        readCage(at: now)
        guard !spawnFailed, releasedAt > 0, exit == nil, ladder.phase == .starting else { return }
        hasStarted(at: now)
    }

    private func hasStarted(at now: UInt64) {
        ladder.released(at: now)
        sampler.begin(at: now)
        outbox.post(
            .started(
                Started(
                    initPid: UInt32(bitPattern: cage.`init`), workerPid: UInt32(bitPattern: worker),
                    startTime: ProcReader.startTime(of: worker), at: now, setup: now - receivedAt)))
    }

    private func leaderExited(_ end: ProcessEnd, survivors: UInt32, at now: UInt64) {
        guard exit == nil, !spawnFailed else { return }
        guard releasedAt > 0 || ladder.reason != .none else {
            // Killed by its own filter or by the kernel before it could become the program: that is not the program's end.
            return fail(SpawnError(stage: .receipt, index: 2, errno: 0, found: false))
        }
        if ladder.phase == .starting, releasedAt > 0 {
            // It was quicker than the news of its exec.
            hasStarted(at: now)
        }
        noteMemoryEnd(at: now)
        note(exit: end, survivors: survivors, at: now)
        perform(ladder.leaderExited(survivors: survivors, at: now), at: now)
    }

    /// The kernel ends what passes the cgroup's limit; that is our limit's doing, and not the program's.
    private func noteMemoryEnd(at now: UInt64) {
        guard exit == nil, ladder.reason == .none, cgroups.ranOutOfMemory else { return }
        perform(ladder.stop(.memory, force: true, at: now), at: now)
    }

    private func refuseCall(_ events: Int16, at now: UInt64) {
        guard events & Int16(POLLIN) != 0 else { return deniedCalls.close() }
        if let denied = deniedCalls.answer(at: now) { outbox.post(.denied(denied)) }
    }

    private func note(exit end: ProcessEnd, survivors: UInt32, at now: UInt64) {
        let facts = LeaderExit(
            end: end, ourSignal: ladder.ourSignal, reason: ladder.reason, at: now, survivors: survivors)
        exit = facts
        if !ladder.ourSignal { stragglers = survivors }
        receipt?.enter(.exited, exit: facts)
        outbox.post(.exit(facts))
    }

    /// Without an init: the leader's end is looked for, and what is left of its tree once that has ended or must end.
    private func lookAfterTree(at now: UInt64) {
        // A signalfd gives 128 bytes at a time or none (signalfd(2)); that there was one is all that counts.
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 8) { buffer in
            while cage.children >= 0, read(cage.children, buffer.baseAddress, 128) > 0 {}
        }
        readCage(at: now)
        guard var tree else { return }
        if !leaderSeen, let end = tree.leaderEnd() {
            leaderSeen = true
            var survivors = tree.survivors()
            if survivors > 0 {
                // The rest of a pipeline dies a moment after its leader; that is no straggler.
                usleep(10_000)
                survivors = tree.survivors()
            }
            leaderExited(end, survivors: survivors, at: now)
        }
        guard leaderSeen || killedAt > 0 else { return tree.reapOrphans() }
        if killedAt > 0 { tree.sweep() }
        let isEmpty = order.map { tree.isEmpty(nonce: $0.nonce) } ?? false
        self.tree = tree
        if isEmpty, !cgroups.isPopulated { return cageEnded(at: cage_boottime()) }
        // A sweep comes again at once, and more seldom where something does not die for a while.
        let pause = killedAt == 0 ? Self.lookPause : min(max((now - killedAt) / 8, Self.sweepPause), Self.lookPause)
        nextLook = cage_boottime() + pause
    }

    /// Nothing of the attempt is left. With an init by the kernel's own rule: it is dead, and with it everything in its PID
    /// namespace (pid_namespaces(7)).
    private func cageEnded(at now: UInt64) {
        readCage(at: now)
        var status: Int32 = 0
        var usage = rusage()
        while wait4(cage.`init`, &status, 0, &usage) < 0, cage_errno() == EINTR {}
        // The orphans were our own children, and not the leader's.
        if tree != nil { _ = getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage) }
        nextLook = .max
        for descriptor in [cage.init_pidfd, cage.lifeline, cage.control, cage.exec_status, cage.children]
        where descriptor >= 0 {
            _ = close(descriptor)
        }
        cage.children = -1
        cage.init_pidfd = -1
        cage.lifeline = -1
        cage.control = -1
        cage.exec_status = -1
        if exit == nil { noteMemoryEnd(at: now) }
        let cpu = max(microseconds(usage.ru_utime) + microseconds(usage.ru_stime), cgroups.cpuTime)
        cgroups.remove()
        deniedCalls.close()
        for denied in deniedCalls.due(at: now, all: true) { outbox.post(.denied(denied)) }
        sampler.end()
        nextHeartbeat = .max
        buildDeadline = .max
        if exit == nil, releasedAt == 0, ladder.reason == .none {
            fail(SpawnError(stage: .receipt, index: 2, errno: 0, found: false))
        }
        if spawnFailed {
            capture?.close(at: now)
            receipt?.enter(.armed)
            finished = true
            return
        }
        // Killed with its init, by us or from outside, before the init could tell.
        if exit == nil { note(exit: .signalled(UInt8(SIGKILL)), survivors: 0, at: now) }
        ladder.emptied()
        var empty = TreeEmpty()
        empty.reason = ladder.reason
        empty.ourSignal = exit?.ourSignal ?? false
        empty.stragglers = stragglers
        empty.cpu = cpu
        // ru_maxrss is in kibibytes (getrusage(2)).
        empty.maxResident = UInt64(usage.ru_maxrss) * 1024
        empty.peakMemory = max(sampler.peakMemory, empty.maxResident)
        empty.maxProcesses = max(sampler.maxProcesses, 1)
        empty.wall = releasedAt > 0 ? now - releasedAt : 0
        empty.killing = killedAt > 0 ? now - killedAt : 0
        capture?.close(at: now)
        empty.output = capture?.totals ?? OutputCount()
        receipt?.enter(.empty, exit: exit, empty: empty, durable: supervisorGone)
        outbox.post(.treeEmpty(empty))
        finished = true
    }

    // MARK: Doing

    private func perform(_ actions: Ladder.Actions, at now: UInt64) {
        if actions.contains(.announce) {
            outbox.post(.stopping(ladder.reason, killing: actions.contains(.kill)))
        }
        if actions.contains(.terminate) { signalGroup(SIGTERM) }
        if actions.contains(.kill) { kill(at: now) }
        if actions.contains(.reportStuck) {
            outbox.post(.stuck(processes: sampler.sample(LimitOrder(), at: now).usage.processes))
        }
    }

    /// SIGTERM to a stopped process is only seen after SIGCONT.
    private func signalGroup(_ number: Int32) {
        for number in [number, SIGCONT] where cage_pidfd_signal(workerPidfd, number, true) < 0 {
            // Before Linux 6.9. The leader is not reaped before its namespace ends, so its group's number is still its own.
            if cage_errno() == EINVAL, worker > 0 { _ = CCage.kill(-worker, number) }
        }
    }

    private func kill(at now: UInt64) {
        if killedAt == 0 { killedAt = now }
        if cage.init_pidfd >= 0 { _ = cage_pidfd_signal(cage.init_pidfd, SIGKILL, false) }
        cgroups.kill()
        if tree != nil { nextLook = now }
    }

    private func fail(_ stage: SpawnStage) {
        fail(SpawnError(stage: stage, index: 0, errno: cage_errno(), found: false))
    }

    private func fail(_ error: SpawnError) {
        guard !spawnFailed else { return }
        spawnFailed = true
        outbox.post(.spawnError(error))
        if cage.init_pidfd >= 0 || tree != nil {
            kill(at: cage_boottime())
        } else {
            receipt?.enter(.armed)
            cgroups.remove()
            finished = true
        }
    }

    private func takeOutput(_ stream: OutputStream, at now: UInt64) {
        guard capture?.take(stream, at: now) == true, let capture else { return }
        ladder.output(at: now)
        outbox.post(.output(capture.totals))
        if let order, capture.total > order.output.limit {
            perform(ladder.stop(.output, force: false, at: now), at: now)
        }
    }

    /// Somebody who asks whether we live takes a shared lock for an instant; only one that stays is another holder.
    private static func take(_ lock: Int32) -> Bool {
        for _ in 0..<200 {
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { return true }
            usleep(1000)
        }
        return false
    }

    /// Nanoseconds a cage may take until its worker is ready to exec.
    private static let longestBuild: UInt64 = 30_000_000_000

    /// Bytes; a larger pipe means fewer wake-ups under a flood.
    private static let pipeSize: UInt64 = 1 << 20

    /// - Returns: the pipe's capacity in bytes, 0 when there is no pipe; a user over the pipe quota keeps the default.
    private static func makePipe(_ ends: inout (Int32, Int32), _ size: UInt64) -> UInt64 {
        var pair: [Int32] = [-1, -1]
        guard cage_pipe(&pair) == 0 else { return 0 }
        ends = (pair[0], pair[1])
        _ = cage_set_nonblocking(pair[0])
        return UInt64(max(cage_pipe_size(pair[0], Int32(size)), 0))
    }

    /// Nanoseconds between looks at a tree whose leader is gone, and between sweeps.
    private static let lookPause: UInt64 = 40_000_000
    private static let sweepPause: UInt64 = 2_000_000

    private func microseconds(_ time: timeval) -> UInt64 { UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_usec) }
}
