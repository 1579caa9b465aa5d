/// What is in the way, said to people.
extension Blocker {
    static func slots(_ running: Int, of slots: Int) -> Blocker {
        Blocker(.slots, "\(running) of \(slots) slots are taken", value: "\(running)", bound: "\(slots)")
    }

    static func memory(
        free: Int64, promised: Int64, reserve: Int64, estimate: Int64, kind: String, settled: Int64?
    ) -> Blocker {
        let needed = reserve.addingClamped(estimate)
        let besides = promised > 0 ? " besides \(mebibytes(promised)) promised to what has just started" : ""
        return Blocker(
            .memory,
            "\(mebibytes(free)) of memory are free\(besides), and a start of \(kind) needs \(mebibytes(needed)): "
                + "\(mebibytes(estimate)) for itself, \(mebibytes(reserve)) in reserve",
            value: mebibytes(free), bound: mebibytes(needed), retryInMs: settled.map(milliseconds))
    }

    static func pressure(
        _ gauge: Gauge, _ value: Double, bound: Double, _ denial: PressureGate.Denial, _ limits: AdmissionLimits
    ) -> Blocker {
        let (code, what) = said(gauge)
        let resume = bound * limits.resumeShare
        let (rule, limit, retry): (String, Double, Int64?) =
            switch denial {
            case .over: ("starts stop at \(percent(bound))", bound, nil)
            case .recovering(let left):
                (
                    "starts go on after \(limits.calm) at \(percent(resume)) or less", resume, left.map(milliseconds)
                )
            }
        return Blocker(
            code, "\(what) for \(percent(value)) of the last ten seconds; \(rule)", value: percent(value),
            bound: percent(limit), retryInMs: retry)
    }

    /// - Parameter wait: nanoseconds.
    static func delay(
        _ gauge: Gauge, _ value: Double, bound: Double, _ limits: AdmissionLimits, wait: Int64
    ) -> Blocker {
        let (code, what) = said(gauge)
        return Blocker(
            code,
            "\(what) for \(percent(value)) of the last ten seconds; from \(percent(bound)) on, and until it has been "
                + "\(percent(bound * limits.resumeShare)) or less for \(limits.calm), there is one start every \(limits.calm)",
            value: percent(value), bound: percent(bound), retryInMs: milliseconds(wait))
    }

    private static func said(_ gauge: Gauge) -> (Code, String) {
        switch gauge {
        case .memorySome: (.memoryPressure, "tasks waited for memory")
        case .memoryFull: (.memoryPressure, "all tasks waited for memory")
        case .cpu: (.cpuPressure, "tasks waited for a processor")
        case .io: (.ioPressure, "all tasks waited for storage")
        }
    }

    static func disk(_ path: String, free: Int64, reserve: Int64) -> Blocker {
        Blocker(
            .disk, "\(mebibytes(free)) are free where \(path) is, and \(mebibytes(reserve)) have to stay free",
            value: mebibytes(free), bound: mebibytes(reserve))
    }

    static func inodes(_ path: String, _ space: Disk.Space, reserve: Double) -> Blocker {
        let bound = "more than \(percent(reserve * 100))"
        return Blocker(
            .disk,
            "\(space.freeInodes) of \(space.inodes) inodes are free where \(path) is, and \(bound) have to stay free",
            value: "\(space.freeInodes)", bound: bound)
    }

    static func files(free: Int64, needed: Int64, opening: Int) -> Blocker {
        Blocker(
            .files, "\(free) file descriptors are free, and \(starts(opening)) \(needed); see ulimit -n",
            value: "\(free)", bound: "\(needed)")
    }

    static func processes(free: Int64, needed: Int64, opening: Int) -> Blocker {
        Blocker(
            .processes,
            "\(free) more processes can be made, and \(starts(opening)) \(needed); see ulimit -u, "
                + "kernel.pid_max and the cgroup's pids.max",
            value: "\(free)", bound: "\(needed)")
    }

    static func spawnBreaker(_ denial: SpawnBreaker.Denial, failures: Int) -> Blocker {
        let failed = failures == 1 ? "the last start failed" : "the last \(failures) starts failed"
        return switch denial {
        case .waiting(let left):
            Blocker(
                .spawnBreaker, "\(failed) for want of resources; the next is tried in \(milliseconds(left)) ms",
                value: "\(failures)", retryInMs: milliseconds(left))
        case .probing:
            Blocker(
                .spawnBreaker, "\(failed) for want of resources; one is being tried, the others wait for how it goes",
                value: "\(failures)")
        }
    }

    static func startRate(_ rate: Double, wait: Int64) -> Blocker {
        Blocker(
            .startRate,
            "starts follow each other at \(number(rate)) a second, and half as fast while one settles; the next may come in "
                + "\(milliseconds(wait)) ms", bound: "\(number(rate)) a second", retryInMs: milliseconds(wait))
    }

    static func sensor(_ sensor: Sensor) -> Blocker {
        let what =
            switch sensor {
            case .memory: "MemAvailable in /proc/meminfo"
            case .cgroup: "the memory limit of our own cgroup"
            case .descriptors: "the number of open files in /proc/self/fd and their limit in /proc/self/limits"
            case .processes: "the number of processes or one of its limits (/proc/loadavg, kernel.pid_max, pids.max)"
            case .pressure(let resource): "/proc/pressure/\(resource)"
            case .disk(let path): "the free space where \(path) is"
            }
        let fix =
            if case .pressure(let resource) = sensor {
                "; boot with psi=1, or set admission.\(resource)_pressure to \"unlimited\""
            } else {
                ""
            }
        return Blocker(.sensor, "\(what) cannot be read, so tasks run one at a time\(fix)", value: "unreadable")
    }

    private static func starts(_ opening: Int) -> String {
        opening == 0 ? "a start needs" : "a start needs, with \(opening) under way,"
    }

    private static func mebibytes(_ bytes: Int64) -> String { "\(bytes >> 20) MiB" }

    /// Rounded up, so that whoever waits so long need not come again.
    private static func milliseconds(_ nanoseconds: Int64) -> Int64 {
        max(1, nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 > 0 ? 1 : 0))
    }

    private static func percent(_ value: Double) -> String { "\(number(value)) %" }

    /// At most two decimals, as the kernel writes pressure.
    private static func number(_ value: Double) -> String {
        guard value.isFinite, value < 1e9 else { return "\(value)" }
        let rounded = (value * 100).rounded() / 100
        return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
    }
}
