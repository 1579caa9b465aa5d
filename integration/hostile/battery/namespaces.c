// New namespaces, in which a process would have every capability, and those of others.
#include "battery.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int cloned(unsigned long flags) {
    long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    return as_errno(pid);
}

static int clone_user(void) { return cloned(CLONE_NEWUSER); }
static int clone_user_high(void) { return cloned(CLONE_NEWUSER | HIGH); }
static int clone_user_pid(void) { return cloned(CLONE_NEWUSER | CLONE_NEWPID); }

static int clone3_user(void) {
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) _exit(0);
    return as_errno(pid);
}

static int join(const char *path) {
    int space = open(path, O_RDONLY | O_CLOEXEC);
    return space < 0 ? errno : as_errno(setns(space, 0));
}

static int join_init_net(void) { return own("pid") ? join("/proc/1/ns/net") : UNSAFE; }
static int join_init_mount(void) { return own("pid") ? join("/proc/1/ns/mnt") : UNSAFE; }
static int join_init_user(void) { return own("pid") ? join("/proc/1/ns/user") : UNSAFE; }
static int join_own_uts(void) { return own("uts") ? join("/proc/self/ns/uts") : UNSAFE; }

static int join_by_handle(void) {
    if (!own("pid")) return UNSAFE;
    int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
    return pidfd < 0 ? errno : as_errno(setns(pidfd, CLONE_NEWNET | CLONE_NEWNS));
}

// The namespace above ours: a handle to it would be the first step out.
static int above(const char *path, unsigned long request) {
    int space = open(path, O_RDONLY | O_CLOEXEC);
    return space < 0 ? errno : as_errno(ioctl(space, request));
}

static int parent_user(void) { return own("user") ? above("/proc/self/ns/user", NS_GET_PARENT) : UNSAFE; }
static int parent_pid(void) { return own("pid") ? above("/proc/self/ns/pid", NS_GET_PARENT) : UNSAFE; }

static int map_root(void) {
    int file = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    return file < 0 ? errno : as_errno(write(file, "0 0 1", 5));
}

#define UNSHARE(name, row, flags, tries) CALLS(name, row, BARE, "seccomp nonesting", tries, CALL(SYS_unshare, CLONE_NEWUSER | (flags)))

static const struct probe namespaces_probes[] = {
    UNSHARE(unshare_user, "D37", 0, "make a user namespace"),
    UNSHARE(unshare_mount, "D37", CLONE_NEWNS, "make a mount namespace"),
    UNSHARE(unshare_net, "D37", CLONE_NEWNET, "make a network namespace"),
    UNSHARE(unshare_pid, "D37", CLONE_NEWPID, "make a PID namespace"),
    UNSHARE(unshare_ipc, "D37", CLONE_NEWIPC, "make an IPC namespace"),
    UNSHARE(unshare_uts, "D37", CLONE_NEWUTS, "make a UTS namespace"),
    UNSHARE(unshare_cgroup, "D37", CLONE_NEWCGROUP, "make a cgroup namespace"),
    UNSHARE(unshare_time, "D37", CLONE_NEWTIME, "make a time namespace"),
    PROBE(clone_user, "D37", BARE, "seccomp nonesting", "start a process in a user namespace", CALL(SYS_clone, CLONE_NEWUSER | SIGCHLD)),
    PROBE(clone_user_high, "D42", BARE, "seccomp nonesting", "the same with bits above the 32 that count",
          CALL(SYS_clone, CLONE_NEWUSER | SIGCHLD | HIGH)),
    PROBE(clone_user_pid, "D37", BARE, "seccomp nonesting", "start a process in a PID namespace",
          CALL(SYS_clone, CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD)),
    PROBE(clone3_user, "D37", BARE, "seccomp nonesting", "the same by clone3, whose flags no filter sees", CALL(SYS_clone3)),
    PROBE(join_init_net, "D37", NOWHERE, "pidns seccomp", "join the first process's network namespace"),
    PROBE(join_init_mount, "D37", NOWHERE, "pidns seccomp", "join the first process's mount namespace"),
    PROBE(join_init_user, "D37", NOWHERE, "pidns seccomp", "join the first process's user namespace"),
    PROBE(join_by_handle, "D37", NOWHERE, "pidns seccomp", "join namespaces by a process handle"),
    PROBE(join_own_uts, "D37", NAMESPACES, "seccomp caps", "join a namespace at all", CALL(SYS_setns)),
    PROBE(parent_user, "D37", NOWHERE, "userns", "ask for the user namespace above"),
    PROBE(parent_pid, "D37", NOWHERE, "pidns", "ask for the PID namespace above"),
    PROBE(map_root, "D49", NOWHERE, "userns uid", "become root in its user namespace"),
};
TOPIC(namespaces);
