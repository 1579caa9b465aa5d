internal import CCage
internal import ShepherdProtocolEmbedded

/// Counts the cage's processes and their memory through the cage's own /proc, where nobody else's processes are.
struct Sampler {
    /// The cage's /proc, passed out by its init; -1 before that.
    var proc: Int32 = -1
    private(set) var peakMemory: UInt64 = 0
    private(set) var maxProcesses: UInt32 = 0
    private var interval: UInt64 = Sampler.fastest
    private(set) var next: UInt64 = .max

    /// Nanoseconds between samples: quick while memory moves, slower when it does not.
    private static let fastest: UInt64 = 250_000_000
    private static let slowest: UInt64 = 2_000_000_000

    mutating func begin(at now: UInt64) { next = now + interval }
    mutating func end() { next = .max }

    /// - Returns: the sample; its memory is the sum of resident sizes, or of proportional ones when that sum exceeds `limit`
    ///   (pages that several processes share must not be counted several times against them).
    mutating func sample(limit: UInt64, at now: UInt64) -> Usage {
        var usage = total(proportional: false)
        if usage.memory > limit { usage.memory = min(usage.memory, total(proportional: true).memory) }
        let moved = usage.memory > peakMemory + peakMemory / 16 || usage.memory > limit / 2
        interval = moved ? Self.fastest : min(interval * 2, Self.slowest)
        next = now + interval
        peakMemory = max(peakMemory, usage.memory)
        maxProcesses = max(maxProcesses, usage.processes)
        return usage
    }

    private func total(proportional: Bool) -> Usage {
        var usage = Usage()
        guard proc >= 0, lseek(proc, 0, SEEK_SET) == 0 else { return usage }
        withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { buffer in
            while true {
                let filled = cage_read_directory(proc, buffer.baseAddress, buffer.count)
                guard filled > 0 else { return }
                var position = 0
                while let name = cage_next_entry(buffer.baseAddress, filled, &position) {
                    var pid = Bytes()
                    var cursor = name
                    while cursor.pointee >= 48, cursor.pointee <= 57 {
                        pid.append(UInt8(bitPattern: cursor.pointee))
                        cursor += 1
                    }
                    // pid 1 is our own init.
                    guard !pid.isEmpty, cursor.pointee == 0, pid != [UInt8(ascii: "1")] else { continue }
                    usage.processes += 1
                    usage.memory += proportional ? proportionalSize(pid) : residentSize(pid)
                }
            }
        }
        return usage
    }

    /// Field 2 of statm, pages.
    private func residentSize(_ pid: Bytes) -> UInt64 {
        guard let statm = ProcReader.read(pid + ProcReader.bytes("/statm"), below: proc) else { return 0 }
        let fields = ProcReader.numbers(statm)
        return fields.count > 1 ? fields[1] * UInt64(getpagesize()) : 0
    }

    private func proportionalSize(_ pid: Bytes) -> UInt64 {
        guard let rollup = ProcReader.read(pid + ProcReader.bytes("/smaps_rollup"), below: proc),
            let line = ProcReader.field("Pss:", of: rollup), let kibibytes = ProcReader.numbers(line).first
        else { return residentSize(pid) }
        return kibibytes * 1024
    }
}
