internal import CCage
internal import ShepherdProtocolEmbedded

/// Counts the cage's processes, their memory and their processor time through the cage's own /proc, where nobody else's are.
struct Sampler {
    /// The cage's /proc, passed out by its init; -1 before that.
    var proc: Int32 = -1
    /// Best-effort level only: `proc` is then the host's, and these are the processes that count.
    var tree: Tree?
    private(set) var peakMemory: UInt64 = 0
    private(set) var maxProcesses: UInt32 = 0
    private(set) var next: UInt64 = .max
    private var interval: UInt64 = Sampler.fastest
    private var last = Usage()
    /// Samples in a row at the cap on processes.
    private var atCap = 0

    /// Nanoseconds between samples: quick while something moves, slower when nothing does.
    private static let fastest: UInt64 = 250_000_000
    private static let slowest: UInt64 = 1_000_000_000
    private static let closest: UInt64 = 20_000_000
    /// What one processor fills at most, bytes a nanosecond: a limit must not be passed by much between two samples.
    private static let fillRate: UInt64 = 4
    /// Being at the cap for a moment is a busy build; for a second it is a bomb.
    private static let mostAtCap = 4

    private let sharedMemory = SharedMemory()
    private let processors = UInt64(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1))
    private let tick = 1_000_000_000 / UInt64(max(sysconf(Int32(_SC_CLK_TCK)), 1))

    mutating func begin(at now: UInt64) { next = now + Self.closest }
    mutating func end() { next = .max }

    /// - Returns: the sample, and which of the limits it breaks; memory is the sum of resident sizes and of what is shared without
    ///   being mapped, or of proportional sizes when that sum exceeds its limit (pages that several processes share must not be
    ///   counted several times against them).
    mutating func sample(_ limits: LimitOrder, at now: UInt64) -> (usage: Usage, broken: StopReason?) {
        var processes: [Bytes] = []
        var usage = total(&processes)
        if limits.memory != .max {
            let shared = sharedMemory.bytes(
                of: processes, in: proc, ownMounts: tree == nil, limit: limits.memory)
            usage.memory += shared
            if usage.memory > limits.memory {
                usage.memory = min(usage.memory, proportionalMemory(processes, and: shared))
            }
        }
        peakMemory = max(peakMemory, usage.memory)
        maxProcesses = max(maxProcesses, usage.processes)
        // The init is one of the tasks the kernel counts, and kernel.pid_max is the first number that is not given.
        atCap = UInt64(usage.threads) + 2 >= limits.processes ? atCap + 1 : 0
        schedule(usage, limits, at: now)
        last = usage
        if usage.memory > limits.memory { return (usage, .memory) }
        if usage.cpu > limits.cpu { return (usage, .cpu) }
        return (usage, atCap > Self.mostAtCap ? .processes : nil)
    }

    private mutating func schedule(_ usage: Usage, _ limits: LimitOrder, at now: UInt64) {
        let moved =
            usage.memory > last.memory + last.memory / 16 || usage.memory > limits.memory / 2
            || UInt64(usage.threads) > limits.processes / 2
        interval = moved ? Self.fastest : min(interval * 2, Self.slowest)
        var wait = interval
        if limits.memory > usage.memory {
            wait = min(wait, (limits.memory - usage.memory) / (Self.fillRate * processors))
        }
        if limits.cpu > usage.cpu { wait = min(wait, (limits.cpu - usage.cpu) / processors) }
        next = now + max(wait, Self.closest)
    }

    /// - Parameter processes: gets the names of all but the init.
    private func total(_ processes: inout [Bytes]) -> Usage {
        var usage = Usage()
        var names: [Bytes] = []
        visit { name, isInit in
            guard let stat = ProcReader.read(name + ProcReader.bytes("/stat"), below: proc) else { return }
            let fields = ProcReader.statFields(stat)
            guard fields.count > 21 else { return }
            // proc(5), numbered there from 1: utime 14, stime 15, cutime 16, cstime 17, num_threads 20, rss 24.
            usage.cpu += (fields[11] + fields[12] + fields[13] + fields[14]) * tick
            guard !isInit else { return }
            names.append(name)
            usage.processes += 1
            usage.threads += UInt32(truncatingIfNeeded: max(fields[17], 1))
            usage.memory += fields[21] * UInt64(getpagesize())
        }
        processes = names
        return usage
    }

    /// What is mapped counts as the processes' own; of the rest of what is shared only what exceeds that.
    private func proportionalMemory(_ processes: [Bytes], and shared: UInt64) -> UInt64 {
        var memory: UInt64 = 0
        var mapped: UInt64 = 0
        for name in processes {
            guard let rollup = ProcReader.read(name + ProcReader.bytes("/smaps_rollup"), below: proc) else { continue }
            memory += Self.kibibytes("Pss:", rollup) * 1024
            mapped += Self.kibibytes("Pss_Shmem:", rollup) * 1024
        }
        return memory + (shared > mapped ? shared - mapped : 0)
    }

    /// Calls with the name of every process's directory; pid 1 is our own init, whose part the shepherd itself has in a tree.
    private func visit(_ body: (_ name: Bytes, _ isInit: Bool) -> Void) {
        guard let tree else { return ProcReader.visit(proc) { body($0, $0 == [UInt8(ascii: "1")]) } }
        body(ProcReader.decimal(UInt64(getpid())), true)
        for member in tree.living() { body(ProcReader.decimal(UInt64(member.pid)), false) }
    }

    private static func kibibytes(_ label: StaticString, _ contents: Bytes) -> UInt64 {
        guard let line = ProcReader.field(label, of: contents) else { return 0 }
        return ProcReader.numbers(line).first ?? 0
    }
}
