// The cage: everything that happens between clone3 and execve, and nothing else that touches a child.
//
// Why C: after clone3 of a process only system calls are safe. Swift may allocate, retain or take a runtime lock on any
// line. The shepherd decodes an order, fills these structures, calls cage_spawn() once; the functions of init.c, mounts.c
// and worker.c then run in the child with no allocation, no stdio and no lock. The order of operations is argued for in
// docs/cage.md.
#ifndef CCAGE_H
#define CCAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel.h"

// The same numbers as ShepherdProtocol's SpawnStage.
enum cage_stage {
    CAGE_STAGE_PREPARE = 1,
    CAGE_STAGE_IDMAP = 2,
    CAGE_STAGE_CLONE = 3,
    CAGE_STAGE_ID_MAPS = 4,
    CAGE_STAGE_LIFELINE = 5,
    CAGE_STAGE_IDENTITY = 6,
    CAGE_STAGE_LOOPBACK = 7,
    CAGE_STAGE_LISTENER = 8,
    CAGE_STAGE_HOSTNAME = 9,
    CAGE_STAGE_MOUNT = 10,
    CAGE_STAGE_PIVOT = 11,
    CAGE_STAGE_SYSCTL = 12,
    CAGE_STAGE_FORK = 13,
    CAGE_STAGE_SESSION = 14,
    CAGE_STAGE_RLIMIT = 15,
    CAGE_STAGE_STREAMS = 16,
    CAGE_STAGE_CWD = 17,
    CAGE_STAGE_CAPABILITIES = 18,
    CAGE_STAGE_NO_NEW_PRIVS = 19,
    CAGE_STAGE_LANDLOCK = 20,
    CAGE_STAGE_SECCOMP = 21,
    CAGE_STAGE_CLOSE_RANGE = 22,
    CAGE_STAGE_RECEIPT = 23,
    CAGE_STAGE_EXEC = 24,
    CAGE_STAGE_HANDOFF = 25,
    CAGE_STAGE_CGROUP = 26,
};

// The same numbers as ShepherdProtocol's MountStep.Kind and .Flags.
enum cage_mount_kind {
    CAGE_MOUNT_TMPFS_ROOT = 1,
    CAGE_MOUNT_HOST_ROOT = 2,
    CAGE_MOUNT_BIND = 3,
    CAGE_MOUNT_TMPFS = 4,
    CAGE_MOUNT_DIRECTORY = 5,
    CAGE_MOUNT_SYMLINK = 6,
    CAGE_MOUNT_HIDE = 7,
    CAGE_MOUNT_PROC = 8,
    CAGE_MOUNT_DEVICES = 9,
    CAGE_MOUNT_SEAL = 10,
};
enum {
    CAGE_MOUNT_READ_ONLY = 1,
    CAGE_MOUNT_NO_EXEC = 2,
    CAGE_MOUNT_OPTIONAL = 4,
    CAGE_MOUNT_OWNER_MAPPED = 8,
    CAGE_MOUNT_KEEP_DEVICES = 16,
};

struct cage_mount {
    uint8_t kind;
    uint16_t flags;
    const char *source;
    const char *target;
    uint64_t size;
    uint64_t inodes;
    uint32_t mode;
    // A detached tree, made before the worker's file system is built; -1 where an optional source is missing.
    int tree;
};

enum cage_listener_kind { CAGE_LISTEN_UNIX = 1, CAGE_LISTEN_LOOPBACK4 = 2, CAGE_LISTEN_LOOPBACK6 = 3 };
enum { CAGE_MAX_LISTENERS = 8 };

struct cage_listener {
    uint8_t kind;
    uint16_t port;
    const char *path;
};

struct cage_rlimit {
    uint32_t resource;
    uint64_t soft;
    uint64_t hard;
};

struct cage_landlock_rule {
    const char *path;
    uint64_t rights;
};

struct cage_order {
    // CLONE_NEW* bits; 0 is the best-effort level, where nothing is mounted and the worker is the shepherd's own child.
    uint64_t namespaces;
    uint32_t uid;
    uint32_t gid;
    const char *hostname;
    uint32_t pid_max;
    bool nesting;
    struct cage_mount *mounts;
    size_t mount_count;
    const struct cage_listener *listeners;
    size_t listener_count;
    const struct cage_rlimit *rlimits;
    size_t rlimit_count;
    int32_t oom_score_adjust;
    int32_t nice;
    uint64_t landlock_files;
    uint64_t landlock_network;
    uint64_t landlock_scoped;
    const struct cage_landlock_rule *landlock_rules;
    size_t landlock_rule_count;
    const void *seccomp;
    uint16_t seccomp_instructions;
    // Where the program is looked for, in order; inside the cage.
    const char *const *candidates;
    size_t candidate_count;
    char *const *arguments;
    char *const *environment;
    const char *working_directory;
    // Descriptors of the shepherd: the worker's 0, 1, 2; the supervisor's command pipe (watched for its end); the socket
    // to the supervisor that takes listeners and the init's pidfd; a cgroup v2 directory. -1 for none.
    int standard_input;
    int standard_output;
    int standard_error;
    int supervisor_lifeline;
    int handoff;
    int cgroup;
    // Open `tasks` of cgroup v1 directories, which the init enters.
    const int *controllers;
    size_t controller_count;
    // Nanoseconds of CLOCK_BOOTTIME that the init waits after the supervisor's end before it ends the cage by itself.
    uint64_t orphan_wait;
    // The shepherd's own argument area, overwritten in the init: /proc/1/cmdline is readable to the worker.
    char *title;
    size_t title_size;
};

struct cage_failure {
    uint8_t stage;
    uint16_t index;
    int32_t error;
    bool found;
};

// What the shepherd holds of a cage.
struct cage {
    pid_t init;
    int init_pidfd;
    // SOCK_SEQPACKET, SO_PASSCRED: struct cage_message from the init and the worker, single bytes to them.
    int control;
    // Its end in our hands is what keeps the init alive.
    int lifeline;
    // Readable at EOF once the worker has executed its program (or is gone).
    int exec_status;
    // Best-effort level only: a signalfd for SIGCHLD. `init` is then the worker itself and `init_pidfd` -1.
    int children;
};

enum cage_message_kind {
    CAGE_MESSAGE_FAILED = 1,
    // The file system stands; carries a descriptor of the cage's /proc, value = kernel.pid_max as read back,
    // index = 1 where this kernel has only one for the whole machine.
    CAGE_MESSAGE_BUILT = 2,
    // The worker waits for leave to exec; sender = its host pid. Carries the listener of its filter, where it has one.
    CAGE_MESSAGE_READY = 3,
    // The leader has ended: index = si_code (CLD_EXITED or a signal), value = si_status, count = survivors.
    CAGE_MESSAGE_EXITED = 4,
};

struct cage_message {
    uint32_t kind;
    uint32_t stage;
    uint32_t index;
    int32_t value;
    uint32_t count;
    uint32_t found;
};

// Builds the cage up to the worker's pause before exec. Returns 0, or -1 with *failure set and nothing left behind.
int cage_spawn(struct cage_order *order, struct cage *cage, struct cage_failure *failure);

// Takes one message; *sender is the sender's pid in our PID namespace, *descriptor a passed descriptor or -1.
// Returns 1, 0 when there is none now, -1 at the end.
int cage_receive(const struct cage *cage, struct cage_message *message, pid_t *sender, int *descriptor);

// Lets the worker execute its program.
int cage_release(const struct cage *cage);

#endif
