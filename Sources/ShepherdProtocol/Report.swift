/// What the shepherd tells its supervisor. Facts only; what they mean is decided in the store.
package enum Report: Equatable, Sendable {
    case hello(Hello)
    case receipt(CageReceipt)
    case started(Started)
    case spawnError(SpawnError)
    case output(OutputCount)
    case usage(Usage)
    case heartbeat(at: UInt64)
    case stopping(StopReason, killing: Bool)
    case exit(LeaderExit)
    case treeEmpty(TreeEmpty)
    /// Processes that SIGKILL has not ended within `killWait`.
    case stuck(processes: UInt32)
    case denied(DeniedCall)

    /// Reports that must never be dropped or merged; there is at most one of each.
    package var type: UInt8 {
        switch self {
        case .hello: return 0x81
        case .started: return 0x82
        case .spawnError: return 0x83
        case .output: return 0x84
        case .usage: return 0x86
        case .heartbeat: return 0x87
        case .stopping: return 0x88
        case .exit: return 0x89
        case .treeEmpty: return 0x8A
        case .stuck: return 0x8B
        case .denied: return 0x8C
        case .receipt: return 0x8E
        }
    }

    /// - Throws: `WireError` for a payload that does not fit; nil is a type this version does not know.
    package init?(type: UInt8, payload: Bytes) throws(WireError) {
        switch type {
        case 0x81: self = .hello(try Hello(payload: payload))
        case 0x82: self = .started(try Started(payload: payload))
        case 0x83: self = .spawnError(try SpawnError(payload: payload))
        case 0x84: self = .output(try OutputCount(payload: payload))
        case 0x86: self = .usage(try Usage(payload: payload))
        case 0x87:
            var reader = ByteReader(payload)
            self = .heartbeat(at: try reader.read())
            try reader.finish()
        case 0x88:
            var reader = ByteReader(payload)
            guard let reason = StopReason(rawValue: try reader.read()) else { throw .unknownValue }
            self = .stopping(reason, killing: try reader.readBool())
            try reader.finish()
        case 0x89: self = .exit(try LeaderExit(payload: payload))
        case 0x8A: self = .treeEmpty(try TreeEmpty(payload: payload))
        case 0x8B:
            var reader = ByteReader(payload)
            self = .stuck(processes: try reader.read())
            try reader.finish()
        case 0x8C: self = .denied(try DeniedCall(payload: payload))
        case 0x8E: self = .receipt(try CageReceipt(payload: payload))
        default: return nil
        }
    }

    package var payload: Bytes {
        var writer = ByteWriter()
        switch self {
        case .hello(let value): value.write(to: &writer)
        case .receipt(let value): value.write(to: &writer)
        case .started(let value): value.write(to: &writer)
        case .spawnError(let value): value.write(to: &writer)
        case .output(let value): value.write(to: &writer)
        case .usage(let value): value.write(to: &writer)
        case .heartbeat(let at): writer.write(at)
        case .stopping(let reason, let killing):
            writer.write(reason.rawValue)
            writer.write(killing)
        case .exit(let value): value.write(to: &writer)
        case .treeEmpty(let value): value.write(to: &writer)
        case .stuck(let processes): writer.write(processes)
        case .denied(let value): value.write(to: &writer)
        }
        return writer.bytes
    }
}

/// The first report: who is there and which protocol versions it speaks.
package struct Hello: Equatable, Sendable {
    package var oldestVersion: UInt8
    package var newestVersion: UInt8
    package var pid: UInt32
    /// Field 22 of /proc/PID/stat, clock ticks since boot.
    package var startTime: UInt64
    /// Nanoseconds of CLOCK_BOOTTIME.
    package var at: UInt64
    /// It holds `alive.lock`.
    package var lockHeld: Bool

    package init(oldestVersion: UInt8, newestVersion: UInt8, pid: UInt32, startTime: UInt64, at: UInt64, lockHeld: Bool)
    {
        self.oldestVersion = oldestVersion
        self.newestVersion = newestVersion
        self.pid = pid
        self.startTime = startTime
        self.at = at
        self.lockHeld = lockHeld
    }
}

/// The worker's exec has succeeded.
package struct Started: Equatable, Sendable {
    /// Host pids.
    package var initPid: UInt32
    package var workerPid: UInt32
    package var startTime: UInt64
    package var at: UInt64
    /// Nanoseconds from START to exec.
    package var setup: UInt64

    package init(initPid: UInt32, workerPid: UInt32, startTime: UInt64, at: UInt64, setup: UInt64) {
        self.initPid = initPid
        self.workerPid = workerPid
        self.startTime = startTime
        self.at = at
        self.setup = setup
    }
}

/// What the shepherd read from /proc of the worker just before exec.
package struct CageReceipt: Equatable, Sendable {
    package var noNewPrivileges: UInt8 = 0
    /// 0 none, 2 filter (`Seccomp:` in /proc/PID/status).
    package var seccompMode: UInt8 = 0
    package var capabilities = CapabilitySets()
    /// The four of `Uid:`/`Gid:` are equal or the receipt does not match; as seen on the host.
    package var uid: UInt32 = 0
    package var gid: UInt32 = 0
    package var uidMap: Bytes = []
    /// Inode numbers of /proc/PID/ns/NAME in the order user, pid, mnt, net, ipc, uts, cgroup; 0 unreadable.
    package var namespaces: [NamespaceID] = []
    package var pidMax: UInt32 = 0
    package var rlimits: [ResourceLimit] = []

    package init() {}
}

/// One namespace of the worker beside the shepherd's own.
package struct NamespaceID: Equatable, Sendable {
    /// Its `CLONE_NEW*` bit.
    package var kind: UInt64
    package var worker: UInt64
    package var host: UInt64

    package init(kind: UInt64, worker: UInt64, host: UInt64) {
        self.kind = kind
        self.worker = worker
        self.host = host
    }
}

/// The five capability masks of /proc/PID/status.
package struct CapabilitySets: Equatable, Sendable {
    package var inheritable: UInt64 = 0
    package var permitted: UInt64 = 0
    package var effective: UInt64 = 0
    package var bounding: UInt64 = 0
    package var ambient: UInt64 = 0

    package init() {}
}

/// The worker never ran.
package struct SpawnError: Equatable, Sendable {
    package var stage: SpawnStage
    /// Which element of the stage's list (mount step, rlimit, listener), from 0.
    package var index: UInt16
    package var errno: Int32
    /// exec only: a file was there, so ENOENT is about its interpreter.
    package var found: Bool

    package init(stage: SpawnStage, index: UInt16, errno: Int32, found: Bool) {
        self.stage = stage
        self.index = index
        self.errno = errno
        self.found = found
    }
}

/// Bytes seen so far, per stream.
package struct OutputCount: Equatable, Sendable {
    package var stdout: UInt64 = 0
    package var stderr: UInt64 = 0
    /// A write failed; later bytes were counted only.
    package var lost = false

    package init() {}
}

/// One sample of the cage's processes.
package struct Usage: Equatable, Sendable {
    package var processes: UInt32 = 0
    /// Processes and threads together.
    package var threads: UInt32 = 0
    package var memory: UInt64 = 0
    /// Processor time of the living and of what they have reaped, nanoseconds.
    package var cpu: UInt64 = 0

    package init() {}
}

/// A system call that the filter denied. Reported the first time and then at most once a second for each call.
package struct DeniedCall: Equatable, Sendable {
    /// Its number on this machine's own architecture.
    package var call: UInt32
    /// How often by now.
    package var count: UInt64
    /// The name of the process that made it last (comm, at most 15 bytes, its own choice).
    package var program: Bytes

    package init(call: UInt32, count: UInt64, program: Bytes) {
        self.call = call
        self.count = count
        self.program = program
    }
}

/// The leader's end as its init saw it.
package struct LeaderExit: Equatable, Sendable {
    package var end: ProcessEnd
    /// One of our signals had been sent before the exit was seen.
    package var ourSignal: Bool
    package var reason: StopReason
    package var at: UInt64
    /// Processes that were still alive.
    package var survivors: UInt32

    package init(end: ProcessEnd, ourSignal: Bool, reason: StopReason, at: UInt64, survivors: UInt32) {
        self.end = end
        self.ourSignal = ourSignal
        self.reason = reason
        self.at = at
        self.survivors = survivors
    }
}

/// How a process ended.
package enum ProcessEnd: Equatable, Sendable {
    case exited(code: UInt8)
    case signalled(UInt8)
}

/// No process of the attempt is left.
package struct TreeEmpty: Equatable, Sendable {
    package var reason: StopReason = .none
    package var ourSignal = false
    package var stragglers: UInt32 = 0
    /// CPU of the whole tree, microseconds.
    package var cpu: UInt64 = 0
    /// Largest resident size of one process, bytes.
    package var maxResident: UInt64 = 0
    /// Largest sampled sum over all processes, bytes; 0 without a sample.
    package var peakMemory: UInt64 = 0
    package var maxProcesses: UInt32 = 0
    /// From exec to empty, nanoseconds.
    package var wall: UInt64 = 0
    /// From SIGKILL to empty, nanoseconds; 0 when none was needed.
    package var killing: UInt64 = 0
    package var output = OutputCount()

    package init() {}
}

/// The step of building the cage that failed; the numbers are shared with CCage's `enum cage_stage`.
package enum SpawnStage: UInt8, Sendable, CaseIterable {
    case prepare = 1
    case idmap = 2
    case clone = 3
    case idMaps = 4
    case lifeline = 5
    case identity = 6
    case loopback = 7
    case listener = 8
    case hostname = 9
    case mount = 10
    case pivot = 11
    case sysctl = 12
    case fork = 13
    case session = 14
    case rlimit = 15
    case streams = 16
    case workingDirectory = 17
    case capabilities = 18
    case noNewPrivileges = 19
    case landlock = 20
    case seccomp = 21
    case closeRange = 22
    case receipt = 23
    case exec = 24
    case handoff = 25
    case cgroup = 26
    case output = 27
}
