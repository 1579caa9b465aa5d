/// The table: everything from `[filesystem]` on.
extension PolicyField {
    static let filesystem = [
        PolicyField(
            "filesystem.root", \.filesystem.root, .chain, FieldText.word,
            FieldNotes(
                values: "`minimal`, `system-ro`, `host-ro`, `host-rw`",
                meaning:
                    "what of the machine is there: the distribution's programs, the system's directories, everything but homes and temporary directories, the same writable",
                mechanism: "a mount namespace with a root of its own", failure: "a mount step fails: refused",
                stricter: "the earlier")),
        grants("filesystem.read", \.filesystem.read, .read, meaning: "more paths to show, read-only"),
        grants("filesystem.write", \.filesystem.write, .write, meaning: "more paths to show, writable"),
        PolicyField(
            "filesystem.deny", \.filesystem.deny, Coverage.paths.union, FieldText.list,
            FieldNotes(
                values: "paths, `~/…`, names of sets", meaning: "what is never shown, whatever else is granted",
                mechanism: "covered by an unreadable directory or file wherever it would be seen; links are followed",
                failure: "a grant inside is an error, a workspace inside `refused.workspace`", stricter: "more paths")),
        PolicyField(
            "filesystem.tmp.size", \.filesystem.tmp.size, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "1M…1T", meaning: "size of `/tmp`, and of `/var/tmp`",
                mechanism: "a tmpfs each; one inode for 8 KiB",
                failure: "ENOSPC", stricter: "less")),
        PolicyField(
            "filesystem.tmp.exec", \.filesystem.tmp.exec, .falseIsStricter, FieldText.plain,
            FieldNotes(
                values: "boolean", meaning: "whether programs in `/tmp` and `/var/tmp` can be run",
                mechanism: "noexec mounts",
                failure: "EACCES", stricter: "`false`")),
        PolicyField(
            "filesystem.home.mode", \.filesystem.home.mode, .chain, FieldText.word,
            FieldNotes(
                values: "`memory`, `private`",
                meaning:
                    "the agent's home: empty and gone with the attempt, or the task's own directory, kept for `resume`",
                mechanism: "a tmpfs or a bind at `/home/agent`", failure: "a mount step fails: refused",
                stricter: "`memory`")),
        PolicyField(
            "filesystem.home.size", \.filesystem.home.size, .optional(), FieldText.optional,
            FieldNotes(
                values: "1M…1T, with `memory` only", meaning: "size of a home in memory",
                mechanism: "the tmpfs; `limits.disk` counts the other kind", failure: "ENOSPC", stricter: "less")),
        PolicyField(
            "filesystem.shm", \.filesystem.shm, .lessIsStricter, FieldText.quoted,
            FieldNotes(
                values: "1M…1T", meaning: "size of `/dev/shm`", mechanism: "a tmpfs", failure: "ENOSPC",
                stricter: "less")),
        PolicyField(
            "filesystem.dev", \.filesystem.dev, .chain, FieldText.word,
            FieldNotes(
                values: "`minimal`", meaning: "devices: null zero full random urandom tty, own pts and shm",
                mechanism: "a tmpfs with binds of the host's nodes", failure: "a mount step fails: refused",
                stricter: "")),
    ]

    private static func grants(
        _ key: String, _ path: any WritableKeyPath<Policy, [PathGrant]> & Sendable, _ access: GrantTree.Access,
        meaning: String
    ) -> PolicyField {
        PolicyField(
            key,
            FieldNotes(
                values: "paths, `~/…`, `{ path, optional }`", meaning: meaning,
                mechanism: "bound at the place where it leads; of nested grants the longest decides",
                failure: "one that is missing and not optional, or lies in what is hidden, is an error",
                stricter: "fewer paths"),
            text: { FieldText.grants($0[keyPath: path]) },
            isBelow: { left, right in
                GrantTree(left.filesystem).holds(against: GrantTree(right.filesystem)) { $0 < access || $1 >= access }
            },
            narrow: { result, left, right in
                let tree = GrantTree(left.filesystem).meet(GrantTree(right.filesystem))
                result[keyPath: path] = tree.paths(access).map { PathGrant(path: $0) }
            })
    }

    static let workspace = [
        PolicyField(
            "workspace.mode", \.workspace.mode, .chain, FieldText.word,
            FieldNotes(
                values: "`scratch`, `readonly`, `direct`; `review` and `copy` are reserved",
                meaning:
                    "the workspace: an empty directory in its place, the directory read-only, the directory itself",
                mechanism: "a bind or a tmpfs at its own path", failure: "a mount step fails: refused; EROFS",
                stricter: "the earlier")),
        PolicyField(
            "workspace.protect",
            FieldNotes(
                values: "names below the workspace, names of sets",
                meaning: "what is read-only in a `direct` workspace",
                mechanism: "bound over itself where it exists, and what leads there too", failure: "EROFS, EBUSY",
                stricter: "more names; a workspace that is not `direct` protects everything"),
            text: { FieldText.list($0.workspace.protect) },
            isBelow: { left, right in
                guard left.workspace.mode == .direct else { return true }
                guard right.workspace.mode == .direct else { return false }
                return Coverage.paths.union.isBelow(left.workspace.protect, right.workspace.protect)
            },
            narrow: { result, left, right in
                let isDirect = left.workspace.mode == .direct && right.workspace.mode == .direct
                result.workspace.protect =
                    isDirect ? Coverage.paths.union.meet(left.workspace.protect, right.workspace.protect) : []
            }),
        PolicyField(
            "workspace.size", \.workspace.size, .optional(), FieldText.optional,
            FieldNotes(
                values: "1M…1T, with `scratch` only", meaning: "size of a scratch workspace", mechanism: "the tmpfs",
                failure: "ENOSPC", stricter: "less")),
    ]

    static let network = [
        PolicyField(
            "network.mode",
            FieldNotes(
                values: "`none`, `api-only`, `open`",
                meaning:
                    "what can be reached: nothing, the model's API through the gateway, whatever the machine reaches",
                mechanism: "a network namespace; the gateway's listeners are made in it", failure: "refused",
                stricter: "the earlier"),
            text: { FieldText.word($0.network.mode) },
            isBelow: { Lattice.chain.isBelow($0.network.mode, $1.network.mode) },
            narrow: { $0.network.mode = egress($1, $2).mode }),
        PolicyField(
            "credentials.api",
            FieldNotes(
                values: "`none`, `gateway`, `env`",
                meaning: "the key of the model's API: none, added outside by the gateway, in the agent's environment",
                mechanism: "the gateway; the environment's allow list",
                failure: "`--env ANTHROPIC_API_KEY` is `refused.policy`",
                stricter: "the earlier"),
            text: { FieldText.word($0.credentials.api) },
            isBelow: { Lattice.chain.isBelow($0.credentials.api, $1.credentials.api) },
            narrow: { $0.credentials.api = egress($1, $2).api }),
    ]

    /// Only the gateway leads out of `api-only`: without it nothing does.
    private static func egress(
        _ left: Policy, _ right: Policy
    ) -> (mode: Policy.Network.Mode, api: Policy.Credentials.Provider) {
        let mode = Lattice.chain.meet(left.network.mode, right.network.mode)
        let api = Lattice.chain.meet(left.credentials.api, right.credentials.api)
        return mode == .none || (mode == .apiOnly && api == .none) ? (.none, .none) : (mode, api)
    }

    static let environment = [
        PolicyField(
            "environment.inherit", \.environment.inherit, Coverage.variables.intersection, FieldText.list,
            FieldNotes(
                values: "`NAME`, `PREFIX*`",
                meaning: "variables that are taken from the caller; all others are dropped",
                mechanism: "the environment starts from nothing", failure: "", stricter: "fewer names")),
        PolicyField(
            "environment.set", \.environment.set, .pairs(), FieldText.pairs,
            FieldNotes(
                values: "a table of strings", meaning: "variables that every agent is given", mechanism: "the same",
                failure: "", stricter: "fewer")),
        PolicyField(
            "environment.path", \.environment.path, .intersection(), FieldText.list,
            FieldNotes(
                values: "absolute directories", meaning: "PATH", mechanism: "the same", failure: "",
                stricter: "fewer directories, in whatever order")),
    ]

    static let syscalls = [
        PolicyField(
            "syscalls.profile", \.syscalls.profile, .chain, FieldText.word,
            FieldNotes(
                values: "`agent`, `deny-dangerous`, `off`",
                meaning: "system calls: those that coding tools use, all but the dangerous, all",
                mechanism: "seccomp",
                failure: "dangerous: EPERM; what the profile does not know: ENOSYS; without seccomp: refused",
                stricter: "the earlier")),
        PolicyField(
            "syscalls.allow",
            FieldNotes(
                values: "names", meaning: "calls to let through besides, with any argument", mechanism: "seccomp",
                failure: "an unknown name has no effect", stricter: "fewer calls let through"),
            text: { FieldText.list($0.syscalls.allow) },
            isBelow: { left, right in
                // What only a denial keeps from being free is the next field's.
                let listed = Set(left.syscalls.allow + right.syscalls.allow)
                let denied = Set(left.syscalls.deny + right.syscalls.deny).subtracting(listed)
                return SyscallScope(left.syscalls).free.subtracting(denied)
                    .isSubset(of: SyscallScope(right.syscalls).free.subtracting(denied))
            },
            narrow: { $0.syscalls.allow = SyscallScope($1.syscalls).meet(SyscallScope($2.syscalls)).lists.allow }),
        PolicyField(
            "syscalls.deny",
            FieldNotes(
                values: "names", meaning: "calls to refuse besides", mechanism: "seccomp",
                failure: "as `denied` says; an unknown name is an error", stricter: "more calls refused"),
            text: { FieldText.list($0.syscalls.deny) },
            isBelow: { left, right in
                let listed = Set(left.syscalls.allow + right.syscalls.allow)
                return SyscallScope(left.syscalls).allowed.subtracting(listed)
                    .isSubset(of: SyscallScope(right.syscalls).allowed.subtracting(listed))
            },
            narrow: { $0.syscalls.deny = SyscallScope($1.syscalls).meet(SyscallScope($2.syscalls)).lists.deny }),
        PolicyField(
            "syscalls.denied", \.syscalls.denied, .chain, FieldText.word,
            FieldNotes(
                values: "`kill`, `report`, `eperm`",
                meaning: "what becomes of a denied call: the process ends, EPERM and a violation in the record, EPERM",
                mechanism: "seccomp; for `report` its user notification (Linux 5.0)",
                failure: "without notification or with `nested_sandbox`: EPERM, not reported", stricter: "the earlier")),
    ]

    static let landlock = [
        PolicyField(
            "landlock.mode", \.landlock.mode, .chain, FieldText.word,
            FieldNotes(
                values: "`second-wall`, `off`",
                meaning:
                    "the view of files once more as Landlock rules, signals and abstract sockets kept inside (ABI 6)",
                mechanism: "Landlock; with `nested_sandbox` or `host-rw` without file rules",
                failure: "left out, unless `landlock` is required", stricter: "the earlier")),
        PolicyField(
            "landlock.min_abi", \.landlock.minAbi, .moreIsStricter, FieldText.plain,
            FieldNotes(
                values: "1…16", meaning: "the least version that counts when `landlock` is required",
                mechanism: "landlock_create_ruleset(2)", failure: "`refused.policy`", stricter: "more")),
    ]
}
