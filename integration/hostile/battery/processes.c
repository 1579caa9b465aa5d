// Other processes: the parent inside, the cage's first process, and one of the host's (the canary).
#include "battery.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

// MARK: inside

static char target[16] = "attackable";

static int ptrace_parent(void) { return as_errno(ptrace(PTRACE_SEIZE, getppid(), 0, 0)); }
static int ptrace_init(void) { return own("pid") ? as_errno(ptrace(PTRACE_SEIZE, 1, 0, 0)) : UNSAFE; }

static int read_parent_memory(void) {
    char buffer[16];
    struct iovec local = {buffer, sizeof buffer}, remote = {target, sizeof target};
    return as_errno(process_vm_readv(getppid(), &local, 1, &remote, 1, 0));
}

static int write_parent_memory(void) {
    struct iovec local = {target, sizeof target}, remote = {target, sizeof target};
    return as_errno(process_vm_writev(getppid(), &local, 1, &remote, 1, 0));
}

static int steal_descriptor(void) {
    int pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
    return pidfd < 0 ? errno : as_errno(syscall(SYS_pidfd_getfd, pidfd, 1, 0));
}

static int advise_parent(void) {
    struct iovec page = {(void *)((unsigned long)target & ~4095UL), 4096};
    int pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
    return pidfd < 0 ? errno : as_errno(syscall(SYS_process_madvise, pidfd, &page, 1, MADV_COLD, 0));
}

static int compare_processes(void) { return as_errno(syscall(SYS_kcmp, getpid(), getppid(), 2, 0, 0)); }

static int open_init(const char *path, int flags) { return own("pid") ? opens(path, flags) : UNSAFE; }
static int init_environment(void) { return open_init("/proc/1/environ", O_RDONLY); }
static int init_memory(void) { return open_init("/proc/1/mem", O_RDWR); }
static int init_maps(void) { return open_init("/proc/1/maps", O_RDONLY); }
static int init_root(void) { return open_init("/proc/1/root", O_RDONLY); }
static int init_cwd(void) { return open_init("/proc/1/cwd", O_RDONLY); }
static int init_descriptors(void) { return open_init("/proc/1/fd", O_RDONLY | O_DIRECTORY); }
static int init_program(void) { return open_init("/proc/1/exe", O_RDONLY); }

static int init_handle(void) {
    if (!own("pid")) return UNSAFE;
    int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
    return pidfd < 0 ? errno : as_errno(syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

// The kernel takes the signal and drops it: what counts is whether the first process is still there.
static int kill_init(void) {
    if (!own("pid")) return UNSAFE;
    kill(1, SIGKILL);
    kill(1, SIGSTOP);
    usleep(50000);
    return access("/proc/1", F_OK) == 0 ? EPERM : 0;
}

// Reaches everything visible, the caller's other probes too; whoever runs it watches canaries outside.
static int kill_everything(void) {
    if (!own("pid")) return UNSAFE;
    if (fork() == 0) {
        kill(-1, SIGKILL);
        _exit(0);
    }
    // To be there when it comes: kill(2) spares only its caller.
    sleep(10);
    return 0;
}

// MARK: outside

// The canary's pid, or 0: what has its number in here may be somebody else.
static pid_t canary(void) {
    char path[64], name[32] = "";
    long pid = context_number("canary");
    const char *expected = context("canaryname");
    if (pid <= 1 || expected == NULL) return -1;
    snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t got = read(file, name, sizeof name - 1);
    close(file);
    if (got <= 0) return 0;
    name[strcspn(name, "\n")] = 0;
    return strcmp(name, expected) == 0 ? (pid_t)pid : 0;
}

#define OUTSIDE(pid)                        \
    pid_t pid = canary();                   \
    if (pid < 0) return NOTHING;            \
    if (pid == 0) return ESRCH

static int see_outside(void) {
    OUTSIDE(pid);
    return 0;
}

static int open_outside(const char *name, int flags) {
    OUTSIDE(pid);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return opens(path, flags);
}

static int outside_environment(void) { return open_outside("environ", O_RDONLY); }
static int outside_memory(void) { return open_outside("mem", O_RDWR); }
static int outside_descriptors(void) { return open_outside("fd", O_RDONLY | O_DIRECTORY); }
static int outside_root(void) { return open_outside("root", O_RDONLY | O_DIRECTORY); }
static int outside_namespace(void) { return open_outside("ns/net", O_RDONLY); }

// Signal 0 asks for permission and sends nothing.
static int signal_outside(void) {
    OUTSIDE(pid);
    return as_errno(kill(pid, 0));
}

static int handle_outside(void) {
    OUTSIDE(pid);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return pidfd < 0 ? errno : as_errno(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
}

// What is there already is set again: asking changes nothing.
static int limit_outside(void) {
    OUTSIDE(pid);
    struct rlimit limit;
    if (prlimit(pid, RLIMIT_CORE, NULL, &limit) != 0) return errno;
    return as_errno(prlimit(pid, RLIMIT_CORE, &limit, NULL));
}

static int schedule_outside(void) {
    OUTSIDE(pid);
    cpu_set_t set;
    if (sched_getaffinity(pid, sizeof set, &set) != 0) return errno;
    return as_errno(sched_setaffinity(pid, sizeof set, &set));
}

static int renice_outside(void) {
    OUTSIDE(pid);
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, (id_t)pid);
    if (nice == -1 && errno != 0) return errno;
    return as_errno(setpriority(PRIO_PROCESS, (id_t)pid, nice));
}

#define DUMPABLE "seccomp pidns"
#define VIEW "pidns landlock"

static const struct probe processes_probes[] = {
    PROBE(ptrace_parent, "D35", BARE, "seccomp", "trace its parent", CALL(SYS_ptrace, PTRACE_SEIZE)),
    CALLS(ptrace_traceme, "D35", BARE, "seccomp", "be traced", CALL(SYS_ptrace, PTRACE_TRACEME)),
    PROBE(ptrace_init, "D35", NAMESPACES, DUMPABLE, "trace the cage's first process", CALL(SYS_ptrace, PTRACE_SEIZE)),
    PROBE(read_parent_memory, "D35", BARE, "seccomp", "read its parent's memory", CALL(SYS_process_vm_readv)),
    PROBE(write_parent_memory, "D35", BARE, "seccomp", "write its parent's memory", CALL(SYS_process_vm_writev)),
    PROBE(steal_descriptor, "D35", BARE, "seccomp", "take an open file from its parent", CALL(SYS_pidfd_getfd)),
    PROBE(advise_parent, "D35", ROOT, "seccomp caps", "push its parent's memory out", CALL(SYS_process_madvise)),
    PROBE(compare_processes, "D35", BARE, "seccomp", "compare what two processes share", CALL(SYS_kcmp)),
    PROBE(init_environment, "C22", NAMESPACES, "pidns", "read the first process's environment"),
    PROBE(init_memory, "D35", NAMESPACES, "pidns", "open the first process's memory"),
    PROBE(init_maps, "C22", NAMESPACES, "pidns", "read the first process's memory map"),
    PROBE(init_root, "C22", NAMESPACES, "pidns", "reach the first process's root directory"),
    PROBE(init_cwd, "C22", NAMESPACES, "pidns", "reach the first process's directory"),
    PROBE(init_descriptors, "C22", NAMESPACES, "pidns", "list the first process's open files"),
    PROBE(init_program, "C22", NAMESPACES, "pidns", "open the first process's program"),
    PROBE(init_handle, "D35", NAMESPACES, DUMPABLE, "take an open file from the first process", CALL(SYS_pidfd_getfd)),
    PROBE(kill_init, "A8", NOWHERE, "pidns", "kill and stop the first process"),
    PROBE(see_outside, "C22", BARE, "pidns", "see a process of the host"),
    PROBE(outside_environment, "C22", BARE, VIEW, "read the environment of a process of the host"),
    PROBE(outside_memory, "D35", BARE, VIEW, "open the memory of a process of the host"),
    PROBE(outside_descriptors, "C22", BARE, VIEW, "list the open files of a process of the host"),
    PROBE(outside_root, "C22", BARE, VIEW, "reach the root directory of a process of the host"),
    PROBE(outside_namespace, "D37", BARE, VIEW, "open a namespace of a process of the host"),
    PROBE(signal_outside, "A8", BARE, "pidns scope", "signal a process of the host"),
    PROBE(handle_outside, "A8", BARE, "pidns scope", "signal a process of the host by a handle"),
    PROBE(limit_outside, "D35", BARE, "pidns seccomp", "change the limits of a process of the host", CALL(SYS_prlimit64, 2)),
    PROBE(schedule_outside, "D35", BARE, "pidns", "move a process of the host to other processors"),
    PROBE(renice_outside, "D35", BARE, "pidns seccomp", "change the priority of a process of the host", CALL(SYS_setpriority, 0, 2)),
    PROBE(kill_everything, "A8", NOWHERE, "pidns", "kill everything that it can see", .alone = 1),
};
TOPIC(processes);
