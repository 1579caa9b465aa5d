import CSeccomp
import Glibc
import ShepherdProtocol

/// Where no PID namespace hides the shepherd and the supervisor, which have the worker's own uid, the worker may set limits and
/// priorities of nobody but itself: with `RLIMIT_NOFILE` 0 a guardian could not look for what it has to end, and neither
/// Landlock nor being undumpable keeps anybody from prlimit(2).
enum OwnProcessOnly {
    /// `filter` behind a few instructions that refuse the calls that name another process.
    static func filter(before filter: Bytes, of policy: Policy) -> Bytes {
        let guards = ArgumentGuards(guards: guards, refusal: policy.syscalls.refusal(nested: false))
        let prologue = guards.program(architecture: seccomp_arch_native()).flatMap(\.bytes)
        // The profile "off" has no filter of its own to run on into.
        return prologue + (filter.isEmpty ? Instruction.end(SeccompAction.allow).bytes : filter)
    }

    private static let guards: [ArgumentGuards.Guard] =
        ["prlimit64", "sched_setscheduler", "sched_setparam", "sched_setattr"].map { call in
            ArgumentGuards.Guard(call: call, passes: [[.init(argument: 0, value: 0)]])
        } + [
            // PRIO_PROCESS 0, PRIO_PGRP 1 (sys/resource.h); PRIO_USER means the guardians, too.
            .init(call: "setpriority", passes: [0, 1].map(itself)),
            // IOPRIO_WHO_PROCESS 1, IOPRIO_WHO_PGRP 2 (linux/ioprio.h)
            .init(call: "ioprio_set", passes: [1, 2].map(itself)),
        ]

    private static func itself(_ which: UInt32) -> [ArgumentGuards.Test] {
        [.init(argument: 0, value: which), .init(argument: 1, value: 0)]
    }
}
