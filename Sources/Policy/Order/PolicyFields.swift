/// The table: everything above `[filesystem]`.
extension PolicyField {
    static let top = [
        PolicyField(
            "on_missing",
            FieldNotes(
                values: "`\"refuse\"`, `\"degrade\"`, or a table of these for `default` and single layers",
                meaning: "what happens where a layer is not to be had: the task is refused, or runs without it",
                mechanism: "each layer is tried before the agent starts",
                failure: "`refused.policy`, or the layer's name under `policy.degraded` in the record",
                stricter: "refusing for more layers"),
            text: { onMissing($0.onMissing) },
            isBelow: { Set(refusing($0)).isSuperset(of: refusing($1)) },
            narrow: { $0.onMissing = OnMissing(refused: $1.onMissing.refused + $2.onMissing.refused) }),
        PolicyField(
            "require", \.require, .union(), { FieldText.list($0.map(\.rawValue)) },
            FieldNotes(
                values: "names of layers",
                meaning: "layers that have to be in use and in force, whatever `on_missing` says",
                mechanism: "read back from `/proc` before the agent starts",
                failure:
                    "`refused.policy` with layer, errno and fix; a layer that the same policy switches off is an error",
                stricter: "more layers")),
    ]

    /// Layers without which the task does not run.
    private static func refusing(_ policy: Policy) -> [Layer] { policy.require + policy.onMissing.refused }

    /// The shorter of the two ways to say it.
    private static func onMissing(_ value: OnMissing) -> String {
        let texts = OnMissing.Reaction.allCases.map { word in
            let usual = OnMissing(word).refused
            let exceptions = Layer.allCases.filter { usual.contains($0) != value.refused.contains($0) }.map { layer in
                let reaction: OnMissing.Reaction = value.refused.contains(layer) ? .refuse : .degrade
                return "\(layer.rawValue) = \(FieldText.word(reaction))"
            }
            guard !exceptions.isEmpty else { return FieldText.word(word) }
            return "{ default = \(FieldText.word(word)), \(exceptions.joined(separator: ", ")) }"
        }
        return texts.min { $0.utf8.count < $1.utf8.count } ?? ""
    }

    static let process = [
        PolicyField(
            "process.wall_time", \.process.wallTime, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "1s…, `unlimited`", meaning: "how long the task may take, from exec",
                mechanism: "the shepherd's clock (BOOTTIME)", failure: "`timeout.wall`", stricter: "less")),
        PolicyField(
            "process.idle_time", \.process.idleTime, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "1s…, `unlimited`", meaning: "how long the task may be without a byte of output",
                mechanism: "the shepherd's clock", failure: "`timeout.idle`", stricter: "less")),
        PolicyField(
            "process.kill_grace", \.process.killGrace, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "0s…10m", meaning: "how long a task that is stopped has between SIGTERM and its certain end",
                mechanism: "the shepherd's clock; then the PID namespace ends", failure: "SIGKILL", stricter: "less")),
        PolicyField(
            "process.linger", \.process.linger, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "0s…10m", meaning: "how long processes may outlive an agent that ended by itself",
                mechanism: "the shepherd's clock", failure: "they are ended and counted (`stragglers`)",
                stricter: "less")),
        PolicyField(
            "process.nice", \.process.nice, .moreIsStricter, FieldText.plain,
            FieldNotes(
                values: "0…19", meaning: "how far the task stands back for a processor",
                mechanism: "setpriority(2); RLIMIT_NICE 0", failure: "the spawn fails", stricter: "more")),
        PolicyField(
            "process.oom_score_adj", \.process.oomScoreAdj, .moreIsStricter, FieldText.plain,
            FieldNotes(
                values: "0…1000", meaning: "how early the kernel ends the task when memory is short",
                mechanism: "`/proc/PID/oom_score_adj`", failure: "the spawn fails", stricter: "more")),
        PolicyField(
            "process.nested_sandbox", \.process.nestedSandbox, .falseIsStricter, FieldText.plain,
            FieldNotes(
                values: "boolean", meaning: "whether the agent may make namespaces and mounts of its own",
                mechanism: "the filter of system calls, `user.max_user_namespaces`, Landlock's file rules",
                failure: "EPERM", stricter: "`false`")),
        PolicyField(
            "process.on_lost", \.process.onLost, .chain, FieldText.word,
            FieldNotes(
                values: "`fail`, `resume`, `retry`",
                meaning:
                    "what becomes of a task whose supervisor, shepherd or machine was lost: it ends, the agent's session goes on in a new attempt, or it runs again from the start",
                mechanism: "recovery, once nothing of the lost attempt is alive",
                failure: "`lost.supervisor`, `lost.shepherd`, `lost.reboot`", stricter: "the earlier")),
        PolicyField(
            "process.on_stragglers", \.process.onStragglers, .chain, FieldText.word,
            FieldNotes(
                values: "`fail`, `succeed`",
                meaning:
                    "what a task ends as that succeeded and left processes behind for longer than `linger`; they are ended in any case",
                mechanism: "the shepherd's count of what it ended", failure: "`exit.stragglers`",
                stricter: "the earlier")),
    ]

    static let limits = [
        PolicyField(
            "limits.processes", \.limits.processes, .lessIsStricter, FieldText.plain,
            FieldNotes(
                values: "16…4194304", meaning: "processes and threads together, the cage's first one included",
                mechanism:
                    "`kernel.pid_max` of the PID namespace (Linux 6.14; at least 301), RLIMIT_NPROC, cgroup `pids.max`",
                failure: "fork: EAGAIN; a task that fails of it: `limit.processes`", stricter: "less")),
        PolicyField(
            "limits.memory", \.limits.memory, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "16M…, `unlimited`", meaning: "memory of all processes together",
                mechanism: "cgroup where there is one, else the shepherd measures", failure: "`limit.memory`",
                stricter: "less")),
        PolicyField(
            "limits.open_files", \.limits.openFiles, .lessIsStricter, FieldText.plain,
            FieldNotes(
                values: "64…1048576", meaning: "file descriptors of each process", mechanism: "RLIMIT_NOFILE",
                failure: "EMFILE", stricter: "less")),
        PolicyField(
            "limits.file_size", \.limits.fileSize, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "256K…, `unlimited`", meaning: "size of each file that is written", mechanism: "RLIMIT_FSIZE",
                failure: "EFBIG, SIGXFSZ; a task that dies of it: `limit.fileSize`", stricter: "less")),
        PolicyField(
            "limits.cpu_time", \.limits.cpuTime, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "1s…, `unlimited`", meaning: "processor time of all processes together",
                mechanism: "the shepherd measures; RLIMIT_CPU bounds each process besides", failure: "`timeout.cpu`",
                stricter: "less")),
        PolicyField(
            "limits.cpu_weight", \.limits.cpuWeight, .lessIsStricter, FieldText.plain,
            FieldNotes(
                values: "1…10000", meaning: "the task's share of processors that are short; everything else has 100",
                mechanism: "cgroup `cpu.weight` where there is one; `process.nice` elsewhere",
                failure: "none: a share, no bound",
                stricter: "less")),
        PolicyField(
            "limits.disk", \.limits.disk, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "1M…, `unlimited`", meaning: "what the workspace and the private home may grow by on disk",
                mechanism: "the supervisor looks four times a second", failure: "`limit.disk`", stricter: "less")),
        PolicyField(
            "limits.locked_memory", \.limits.lockedMemory, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "0K…1T", meaning: "memory that each process may lock", mechanism: "RLIMIT_MEMLOCK",
                failure: "ENOMEM", stricter: "less")),
        PolicyField(
            "limits.output.head", \.limits.output.head, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "4K…1T", meaning: "what is kept of the beginning of each stream",
                mechanism: "the shepherd writes it",
                failure: "what lies between head and tail is dropped and counted", stricter: "less")),
        PolicyField(
            "limits.output.tail", \.limits.output.tail, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "4K…1T", meaning: "what is kept of the end of each stream", mechanism: "the shepherd writes it",
                failure: "what lies between head and tail is dropped and counted", stricter: "less")),
        PolicyField(
            "limits.output.limit", \.limits.output.limit, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "4K…, `unlimited`", meaning: "output of both streams together",
                mechanism: "the shepherd counts",
                failure: "`limit.output`", stricter: "less")),
    ]
}
