// Raw system calls and constants that glibc 2.36 or its headers do not have; numbers are the same on every architecture
// that Linux gained after 5.1 (asm-generic/unistd.h), the others come from <sys/syscall.h>.
#ifndef CCAGE_SYSCALLS_H
#define CCAGE_SYSCALLS_H

#define _GNU_SOURCE
#include <linux/sched.h>
#include <linux/types.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

// linux/mount.h; named apart because glibc's <sys/mount.h> defines some of them and clashes with the kernel's header.
enum {
    TREE_CLONE = 1,
    TREE_CLOEXEC = 02000000,
    MOVE_FROM_EMPTY = 0x04,
    MOVE_TO_EMPTY = 0x40,
    FS_CLOEXEC = 1,
    FS_SET_STRING = 1,
    FS_CREATE = 6,
    FS_MOUNT_CLOEXEC = 1,
    ATTR_READ_ONLY = 0x01,
    ATTR_NO_SUID = 0x02,
    ATTR_NO_DEVICES = 0x04,
    ATTR_NO_EXEC = 0x08,
    ATTR_IDMAP = 0x00100000,
    PATH_RECURSIVE = 0x8000,
    PATH_EMPTY = 0x1000,
    RESOLVE_BENEATH_ROOT = 0x10,    // RESOLVE_IN_ROOT
    RESOLVE_PLAIN = 0x04,           // RESOLVE_NO_SYMLINKS
};

struct mount_attributes {
    __u64 set;
    __u64 clear;
    __u64 propagation;
    __u64 userns;
};

struct open_how_arguments {
    __u64 flags;
    __u64 mode;
    __u64 resolve;
};

struct landlock_ruleset {
    __u64 files;
    __u64 network;
    __u64 scoped;
};

struct landlock_path {
    __u64 rights;
    __s32 parent;
} __attribute__((packed));

static inline int sys_open_tree(int at, const char *path, unsigned flags) {
    return (int)syscall(SYS_open_tree, at, path, flags);
}
static inline int sys_move_mount(int from, int to, const char *path, unsigned flags) {
    return (int)syscall(SYS_move_mount, from, "", to, path, flags);
}
static inline int sys_mount_setattr(int fd, unsigned flags, struct mount_attributes *attributes) {
    return (int)syscall(SYS_mount_setattr, fd, "", flags | PATH_EMPTY, attributes, sizeof *attributes);
}
static inline int sys_openat2(int at, const char *path, struct open_how_arguments *how) {
    return (int)syscall(SYS_openat2, at, path, how, sizeof *how);
}

#endif
