import Agents
import CCage
import Gateway
import Glibc
import OutputLog
import Policy
import Polling
import ShepherdProtocol
package import Store

/// Runs one claimed attempt to its end: shepherd up, armed in the store, START, facts, the terminal row.
///
/// One loop over one mailbox: no two things ever happen at once, and every effect follows the commit that allows it.
package struct AttemptRunner {
    private let store: Store
    private let claim: Claim
    private let prepared: PreparedAttempt
    private let observer: AttemptObserver
    private let instance: InstanceListener
    private let wish: LocalWish
    private let patience: Int
    private let mailbox: AsyncStream<AttemptEvent>
    private let post: AsyncStream<AttemptEvent>.Continuation

    private var ledger: Ledger
    private var link: ShepherdLink?
    private var shepherd: pid_t = 0
    private var viewPump: OutputPump?
    private var transcriptPump: OutputPump?
    private var transcript: AgentTranscript?
    private var door = GatewayDoor()
    private var initPidfd: Int32 = -1
    private var receipt: CageReceipt?
    private var violations = ViolationLog()
    private var diskWatch: DiskWatch?
    private let protectedNames: ProtectedNamesWatch
    private var facts = AttemptFacts()
    private var silence = Silence()
    private var saidHello = false
    private var startSent = false
    /// The agent may have run, as far as is known.
    private var proof = RetryRule.Proof.ran
    private var forceSent = false

    /// - Parameter patience: attempts in a row that may come to nothing before the task fails.
    package init(
        store: Store, claim: Claim, prepared: PreparedAttempt, observer: AttemptObserver, instance: InstanceListener,
        wish: LocalWish, patience: Int
    ) {
        self.wish = wish
        self.instance = instance
        self.patience = patience
        ledger = Ledger(store, wish: wish, tell: observer.onNotice)
        self.store = store
        self.claim = claim
        self.prepared = prepared
        self.observer = observer
        (mailbox, post) = AsyncStream.makeStream(of: AttemptEvent.self)
        facts.isAgent = prepared.format == .claudeStreamJSON
        protectedNames = ProtectedNamesWatch(prepared.unguardedNames, in: prepared.spec.workspace)
    }

    /// Returns when the attempt is over in the store and nothing of it is left.
    ///
    /// - Throws: what kept the store from being told, where waiting does not help or nobody wants to wait; recovery tells it then.
    package mutating func run() async throws(StoreError) -> EndResult {
        try Failpoint.reach(.afterClaim)
        do throws(SupervisionError) {
            try launch()
        } catch {
            for path in prepared.frozen.cgroups ?? [] { Cgroups.end(path) }
            if case .resources = error { proof = .neverRan }
            return try await conclude(Ending(error.reason))
        }
        try Failpoint.reach(.afterSpawn)
        let (post, viewPump) = (post, viewPump)
        let listening = instance.add { post.yield(.storeChanged) }
        wish.listen(onStop: { post.yield(.storeChanged) }, onLeave: { viewPump?.abandon() })
        let clock = Task { [post] in
            while (try? await Task.sleep(for: .seconds(Silence.tick))) != nil { post.yield(.tick) }
        }
        defer {
            instance.remove(listening)
            clock.cancel()
        }
        do throws(StoreError) {
            for await event in mailbox where try await handle(event) {
                break
            }
            return try await finish()
        } catch {
            await abandon()
            throw error
        }
    }

    /// There is no PID namespace that ends with its init.
    private var isBestEffort: Bool { prepared.order.cage.namespaces == 0 }

    // MARK: Before START

    private mutating func launch() throws(SupervisionError) {
        let directory = try AttemptDirectory.make(for: prepared, claim: claim, in: store.paths)
        let path = try ShepherdLocation.find()
        try prepared.cgroups.make(for: prepared.policy.limits)
        let inheritance = ShepherdProcess.Inheritance(
            attemptDirectory: try directory.open(), standardInput: try directory.openInput(prepared.standardInput),
            log: try directory.openLog())
        let process = try ShepherdProcess.start(path: path, title: claim.taskID.text, inheriting: inheritance)
        Trace.mark("shepherd.spawned")
        shepherd = process.pid
        if isBestEffort { OrphanSweep.adopt() }
        let post = post
        let link = process.connect { event in post.yield(.shepherd(event)) }
        self.link = link
        let credit: (@Sendable (OutputStream, UInt64) -> Void)? =
            observer.paced ? { @Sendable stream, offset in link.send(.credit(stream, offset: offset)) } : nil
        if facts.isAgent {
            let transcript = AgentTranscript(onStep: nil)
            self.transcript = transcript
            transcriptPump = OutputPump(directory: directory.path) { piece in
                transcript.take(piece)
                return true
            }
        }
        // Apart from the transcript: whoever looks on may be slow or hang, and what the agent said must be known all the same.
        let viewer = facts.isAgent && observer.onStep != nil ? AgentTranscript(onStep: observer.onStep) : nil
        if viewer != nil || observer.onOutput != nil {
            let onOutput = observer.onOutput
            viewPump = OutputPump(
                directory: directory.path, credit: credit, onReaderGone: { post.yield(.readerGone) }
            ) { piece in
                viewer?.take(piece)
                return onOutput?(piece) ?? true
            }
        }
    }

    private mutating func arm(_ hello: Hello) async throws(StoreError) {
        guard hello.lockHeld else {
            facts.neverRan = SupervisionError.lockTaken(store.paths.attempt(claim.taskID, claim.attempt)).reason
            link?.send(.abort)
            return
        }
        guard Frame.common(oldest: hello.oldestVersion, newest: hello.newestVersion) != nil else {
            facts.neverRan =
                SupervisionError.shepherdVersion(oldest: hello.oldestVersion, newest: hello.newestVersion).reason
            link?.send(.abort)
            return
        }
        Trace.mark("shepherd.hello")
        try Failpoint.reach(.afterHello)
        let identity = ProcessIdentity(pid: Int32(hello.pid), startTime: Int64(clamping: hello.startTime))
        let authorised = try await ledger.insist { [claim, wish] store throws(StoreError) -> ArmResult in
            if let request = wish.stop { return .stopRequested(request) }
            return try store.arm(claim, shepherd: identity)
        }
        switch authorised {
        case .armed:
            Trace.mark("store.arm")
            try Failpoint.reach(.afterArm)
            var order = prepared.order
            order.fence = UInt64(claim.fence)
            order.nonce = claim.nonce
            order.environment.append(Bytes("\(NonceSweep.variable)=\(NonceSweep.text(claim.nonce))".utf8))
            // Never read further ahead than the ring keeps; without one nothing can be handed on later anyhow.
            order.output.paced = observer.paced && order.output.tail > 0
            order.output.window = min(order.output.window, order.output.tail)
            startSent = true
            link?.send(.start(order))
            try Failpoint.reach(.afterStart)
            try checkStop()
        case .stopRequested(let request):
            facts.stop = request
            facts.neverRan = request.reason
            link?.send(.abort)
        case .stale:
            link?.send(.abort)
        }
    }

    // MARK: Running

    /// - Returns: true when the attempt is over.
    private mutating func handle(_ event: AttemptEvent) async throws(StoreError) -> Bool {
        switch event {
        case .shepherd(let event):
            silence.heard()
            return try await handle(event)
        case .gatewayWanted:
            guard let configuration = prepared.gateway else { break }
            await door.open(
                configuration, onRefusal: { [post] in post.yield(.refused($0)) }, onNotice: observer.onNotice)
        case .refused(let violation):
            try note(violation)
        case .diskExceeded:
            link?.send(.stop(.disk, force: true))
        case .readerGone:
            do throws(StoreError) {
                _ = try store.requestStop(claim.taskID, by: .client)
            } catch {
                wish.ask(StopRequest(reason: StopOrigin.client.reason, force: false))
            }
            try checkStop()
        case .storeChanged:
            try checkStop()
        case .tick:
            switch silence.tick() {
            case .fine: break
            case .wake: kill(shepherd, SIGCONT)
            // What it holds dies with it; its end arrives as the end of its reports.
            case .dead: kill(shepherd, SIGKILL)
            }
        }
        return false
    }

    private mutating func handle(_ event: ShepherdEvent) async throws(StoreError) -> Bool {
        switch event {
        case .report(let report): return try await handle(report)
        case .initPidfd(let descriptor): initPidfd = descriptor
        case .listener(let descriptor): door.add(descriptor)
        case .closed(let error):
            if facts.lost == nil { facts.lost = lossReason(error) }
            return true
        }
        return false
    }

    private mutating func handle(_ report: Report) async throws(StoreError) -> Bool {
        switch report {
        case .hello(let hello):
            guard !saidHello else {
                facts.lost = Reason(.lostProtocol, "Its shepherd said hello a second time.")
                return true
            }
            saidHello = true
            try await arm(hello)
        case .receipt(let found):
            Trace.mark("cage.ready")
            receipt = found
        case .started(let started):
            Trace.mark("exec")
            if prepared.gateway != nil { door.awaitFirstConnection { [post] in post.yield(.gatewayWanted) } }
            watchDisk()
            if let held = CapabilityNames.held(by: Int32(started.workerPid)), !held.isEmpty {
                // The shepherd has read the same from /proc; should the two ever disagree, the tighter answer holds.
                facts.lost = Reason(
                    .refusedPolicy, "The worker holds capabilities: \(held.joined(separator: ", ")).",
                    detail: .object(["layer": "capabilities"]))
                link?.send(.stop(.receiptMismatch, force: true))
            }
            try Failpoint.reach(.beforeRunning)
            let child = ProcessIdentity(
                pid: Int32(started.workerPid), startTime: Int64(clamping: started.startTime))
            try ledger.note { [claim, receipt] store throws(StoreError) in
                _ = try store.started(claim, child: child, receipt: receipt?.json)
            }
            try Failpoint.reach(.afterRunning)
            observer.onStarted?()
            try checkStop()
        case .spawnError(let error):
            facts.neverRan = SpawnFailure.reason(error, prepared)
            if facts.neverRan?.code == .spawnResources { proof = .neverRan }
            if facts.neverRan?.code == .refusedPolicy { nameMissingLayer() }
            return true
        case .output:
            transcriptPump?.poke()
            viewPump?.poke()
        case .stopping(let reason, _):
            if reason != .cancel { try noteStopping(stopReason(reason)) }
        case .exit(let exit):
            Trace.mark("exit")
            facts.exit = exit
            try Failpoint.reach(.afterExit)
            let facts = ExitFacts(
                exit: WorkerExit(exit.end), signalledBefore: exit.ourSignal, observedAt: Int64(clamping: exit.at))
            try ledger.note { [claim] store throws(StoreError) in _ = try store.exited(claim, facts) }
            try Failpoint.reach(.afterExited)
        case .treeEmpty(let empty):
            Trace.mark("tree.empty")
            facts.empty = empty
            try Failpoint.reach(.afterTreeEmpty)
            return true
        case .denied(let denied):
            try note(
                Violation(
                    .seccomp, SyscallNames.name(denied.call), count: Int64(clamping: denied.count),
                    program: String(decoding: denied.program, as: UTF8.self)), isTotal: true)
        case .stuck(let processes):
            try noteStuck(Int(processes))
        case .usage(let usage):
            observer.onMemory?(Int64(clamping: usage.memory))
        case .heartbeat:
            break
        }
        return false
    }

    private mutating func checkStop() throws(StoreError) {
        let told = try ledger.ask { [claim] store throws(StoreError) in try store.stopRequest(for: claim) }
        guard startSent, let request = (told ?? nil) ?? wish.stop else { return }
        let isNew = facts.stop == nil
        let force = request.force || wish.stop?.force == true
        if isNew { facts.stop = request }
        guard isNew || (force && !forceSent) else { return }
        forceSent = force
        link?.send(.stop(.cancel, force: force))
        if isNew { try noteStopping(request.reason) }
    }

    private mutating func noteStopping(_ reason: Reason) throws(StoreError) {
        try ledger.note { [claim] store throws(StoreError) in _ = try store.stopping(claim, reason) }
    }

    /// The step that failed may not be the layer that is missing: without rights in a user namespace it is the network that
    /// cannot be set up. So the machine is examined anew, and what it lacks is the reason, if it lacks something.
    private mutating func nameMissingLayer() {
        Machine.forget(store.paths)
        guard let missing = try? Machine.current(store.paths, fresh: true).missing,
            let layer = missing.layers.first(where: prepared.policy.refuses)
        else { return }
        facts.neverRan = missing.refusal(of: layer, by: prepared.policy).refusal.reason
    }

    // MARK: What the cage refuses

    private mutating func note(_ violation: Violation, isTotal: Bool = false) throws(StoreError) {
        guard let event = violations.note(violation, isTotal: isTotal) else { return }
        try ledger.note { [claim] store throws(StoreError) in _ = try store.violated(claim, event) }
    }

    private mutating func watchDisk() {
        guard let limit = prepared.policy.limits.disk.value else { return }
        let post = post
        let home = store.paths.home(prepared.spec.homeOf ?? claim.taskID)
        // Without mounts the temporary directory is on disk, too, and has no size of its own.
        let places = BestEffortPlaces(home: home, attempt: store.paths.attempt(claim.taskID, claim.attempt))
        diskWatch = DiskWatch(
            [prepared.spec.workspace, home] + (isBestEffort ? [places.temporary] : []), limit: limit.bytes
        ) { post.yield(.diskExceeded) }
    }

    // MARK: The end

    private mutating func finish() async throws(StoreError) -> EndResult {
        diskWatch?.cancel()
        await door.close()
        // What was refused in the last moment may not have been read yet.
        post.finish()
        for await case .refused(let violation) in mailbox { try note(violation) }
        if facts.empty == nil, facts.neverRan == nil { try await proveEmpty() }
        if let failure = await transcriptPump?.finish() { observer.onNotice?(failure.description) }
        facts.summary = transcript?.finish()
        let told = try await ledger.insist { [claim, spec = prepared.spec] store throws(StoreError) in
            (stop: try store.stopRequest(for: claim), cost: try store.earlierCost(of: spec))
        }
        facts.stop = facts.stop ?? told.stop
        var ending = Outcome.ending(facts, policy: prepared.policy)
        if let summary = facts.summary {
            ending.sessionId = summary.sessionID
            ending.result = summary.result.map { AgentResult(text: $0.text, isError: $0.isError) }
        }
        for change in protectedNames.changes { try note(change) }
        ending.violations = violations.violations.isEmpty ? nil : violations.violations
        ending.usage = UsageAccount.of(
            metered: door.usage, told: facts.summary, earlierCost: told.cost)
        let result = try await conclude(ending)
        Trace.mark("store.end")
        try Failpoint.reach(.afterEnd)
        link?.send(.acknowledge)
        try Failpoint.reach(.afterAcknowledge)
        link?.close()
        await reap()
        // The record is final; how long somebody takes to read is their affair, and they may leave.
        if let failure = await viewPump?.finish() { observer.onNotice?(failure.description) }
        if initPidfd >= 0 { close(initPidfd) }
        return result
    }

    /// Writes down how it ended and whether it is tried again.
    private mutating func conclude(_ ending: Ending) async throws(StoreError) -> EndResult {
        try await ledger.insist { [claim, prepared, patience, proof] store throws(StoreError) in
            let rule = RetryRule(
                spec: prepared.spec, onLost: prepared.policy.process.onLost, history: try store.history(claim.taskID),
                patience: patience)
            return try store.conclude(claim, rule.verdict(on: ending, proof))
        }
    }

    private mutating func noteStuck(_ processes: Int) throws(StoreError) {
        try ledger.note { [claim] store throws(StoreError) in _ = try store.stuck(claim, processes: processes) }
    }

    /// The shepherd is gone. Its cage's init dies with it; nothing of the namespace is left once the init's pidfd says so.
    ///
    /// A tree that cannot be emptied keeps its slot, says that it is stuck, and is tried again for as long as it takes.
    private mutating func proveEmpty() async throws(StoreError) {
        if shepherd > 0 { kill(shepherd, SIGKILL) }
        OrphanSweep.forget(shepherd)
        while await !isSwept() {
            try noteStuck(NonceSweep.processes(with: claim.nonce).count)
            try? await Task.sleep(for: .seconds(1))
        }
        let directory = store.paths.attempt(claim.taskID, claim.attempt)
        if let found = Receipt.read(directory, claim: claim) {
            // Perhaps it came to write down what it did not come to tell.
            facts.exit = facts.exit ?? found.exit
            facts.empty = found.empty
            if found.phase == .armed, startSent {
                proof = .neverRan
                facts.neverRan = Reason(.spawnFailed, "Its shepherd died before it had started anything.")
            }
        }
        if !startSent { proof = .neverRan }
        if facts.empty == nil { facts.empty = Receipt.outputOnly(directory) }
    }

    private func isSwept() async -> Bool {
        let (pidfd, nonce) = (initPidfd, claim.nonce)
        let (shepherd, isBestEffort, cgroups) = (shepherd, isBestEffort, prepared.cgroups)
        return await Background.run {
            if isBestEffort {
                for path in cgroups.paths { Cgroups.end(path) }
                guard OrphanSweep.sweep(after: shepherd) else { return false }
            }
            if pidfd >= 0 {
                var wait = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
                while poll(&wait, 1, 15_000) < 0, errno == EINTR {}
                if wait.revents == 0 { return false }
            }
            return NonceSweep.end(nonce: nonce) != nil
        }
    }

    /// There is no record to be had any more: the shepherd is left alone, which ends what it holds and leaves a receipt.
    private mutating func abandon() async {
        link?.close()
        // Its ladder's grace and the wait behind it, with some to spare.
        await reap(patience: 60)
    }

    /// It has nothing left to do; one that does not go (because somebody has stopped it) is not waited for.
    ///
    /// - Parameter patience: seconds.
    private mutating func reap(patience: Int32 = 5) async {
        let pid = shepherd
        guard pid > 0 else { return }
        // Once it is reaped its number may be somebody else's.
        shepherd = 0
        OrphanSweep.forget(pid)
        await Background.run {
            let pidfd = cage_pidfd_open(pid)
            if pidfd >= 0 {
                var wait = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
                while poll(&wait, 1, patience * 1000) < 0, errno == EINTR {}
                if wait.revents == 0 { _ = cage_pidfd_signal(pidfd, SIGKILL, false) }
                close(pidfd)
            }
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        }
        for path in prepared.cgroups.paths { Cgroups.end(path) }
    }

    private func lossReason(_ error: FrameError?) -> Reason {
        guard startSent else {
            return SupervisionError.shepherdSilent(path: "claudine-shepherd").reason
        }
        guard let error else { return Reason(.lostShepherd) }
        return Reason(.lostProtocol, "Its shepherd said something that cannot be understood (\(error)).")
    }

    private func stopReason(_ reason: StopReason) -> Reason {
        var sample = AttemptFacts()
        sample.exit = LeaderExit(end: .exited(code: 0), ourSignal: true, reason: reason, at: 0, survivors: 0)
        return Outcome.ending(sample, policy: prepared.policy).reason ?? Reason(.cancelledUser)
    }
}
