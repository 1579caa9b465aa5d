// What spawn.c, init.c, mounts.c and worker.c share. All of it runs in the cage, with system calls only.
#ifndef CCAGE_CHILD_H
#define CCAGE_CHILD_H

#include "ccage.h"

// The cage's ends of what struct cage holds.
struct cage_ends {
    int control;
    int lifeline;
    int exec_status;
};

// Reports and leaves; the worker has not run.
_Noreturn void cage_fail(const struct cage_ends *ends, enum cage_stage stage, size_t index, bool found);
int cage_tell(const struct cage_ends *ends, const struct cage_message *message, int descriptor);
// Blocks until the shepherd sends `byte`; anything else (its death included) ends the process.
void cage_await(const struct cage_ends *ends, char byte);
// The process dies with the shepherd, whenever that dies; returns only while it lives.
void cage_tie_to_shepherd(const struct cage_ends *ends);
// A copy of this process in new namespaces and in a cgroup (-1 for none), with its pidfd; as fork(2), -1 with errno.
pid_t cage_clone(uint64_t flags, int *pidfd, int cgroup);
void cage_close_pair(int pair[2]);
// Writes a whole small file of /proc; -1 with errno.
int cage_write_file(const char *path, const char *text, size_t size);
// Decimal digits of `value` into `text` (at least 21 bytes); returns their number.
size_t cage_decimal(uint64_t value, char *text);

_Noreturn void cage_init(struct cage_order *order, const struct cage_ends *ends, bool privileged);
_Noreturn void cage_worker(const struct cage_order *order, const struct cage_ends *ends);

// cage_spawn of the best-effort level: no namespaces, the worker is the caller's own child.
int cage_spawn_plain(const struct cage_order *order, struct cage *cage, struct cage_failure *failure);

// Trees of all bind steps, before anything is covered. Returns -1 with *index set.
int cage_prepare_mounts(struct cage_order *order, bool privileged, size_t *index, enum cage_stage *stage);
// Builds the new root and enters it; unix listeners are opened before the first seal.
void cage_build_mounts(struct cage_order *order, const struct cage_ends *ends, bool prepared, int *listeners);
// `path` is where a unix socket is bound; the others have an address of their own.
int cage_listen(const struct cage_listener *listener, const char *path);
// A descriptor of a user namespace in which `inside` is `outside`, for idmapped mounts.
int cage_idmap(uint32_t uid_inside, uint32_t uid_outside, uint32_t gid_inside, uint32_t gid_outside);
int cage_write_id_map(pid_t pid, bool groups, uint32_t inside, uint32_t outside);

#endif
