// Too much of everything, and limits made larger.
#include "battery.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int raise_limit(int resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return errno;
    if (limit.rlim_max == RLIM_INFINITY) return 0;
    limit.rlim_max += 1;
    return as_errno(setrlimit(resource, &limit));
}

static int raise_core_limit(void) { return raise_limit(RLIMIT_CORE); }
static int raise_file_limit(void) { return raise_limit(RLIMIT_NOFILE); }
static int raise_process_limit(void) { return raise_limit(RLIMIT_NPROC); }
static int raise_lock_limit(void) { return raise_limit(RLIMIT_MEMLOCK); }
static int raise_queue_limit(void) { return raise_limit(RLIMIT_MSGQUEUE); }
static int raise_signal_limit(void) { return raise_limit(RLIMIT_SIGPENDING); }
static int raise_priority(void) { return as_errno(setpriority(PRIO_PROCESS, 0, -20)); }

static int real_time(void) {
    struct sched_param parameters = {.sched_priority = 1};
    return as_errno(sched_setscheduler(0, SCHED_FIFO, &parameters));
}

static int deadline(void) {
    struct {
        unsigned size, policy;
        unsigned long long flags;
        int nice;
        unsigned priority;
        unsigned long long runtime, deadline, period;
    } attributes = {.size = 48, .policy = 6, .runtime = 1000000, .deadline = 100000000, .period = 100000000};
    return as_errno(syscall(SYS_sched_setattr, 0, &attributes, 0));
}

// IOPRIO_CLASS_RT (linux/ioprio.h)
static int disk_first(void) { return as_errno(syscall(SYS_ioprio_set, 1, 0, 1 << 13)); }

static int lock_memory(void) {
    void *block = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return as_errno(mlock(block, 64 << 20));
}

static int spared_by_oom(void) {
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    return file < 0 ? errno : as_errno(write(file, "-1000", 5));
}

// More than any policy of ours gives, and more than the limit that one may raise by oneself.
static int many_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int made = 0; made < 17000; made++) {
        if (fcntl(file, F_DUPFD_CLOEXEC, 0) < 0) return errno;
    }
    return 0;
}

// The user outside has 128 of these for everything that runs as them (inotify(7)); their share is counted in namespaces above, too.
static int many_watchers(void) {
    for (int made = 0; made < 100; made++) {
        if (inotify_init1(IN_CLOEXEC) < 0) return errno;
    }
    return 0;
}

static int many_timers(void) {
    struct sigevent silent = {.sigev_notify = SIGEV_NONE};
    for (int made = 0; made < 20000; made++) {
        timer_t timer;
        if (timer_create(CLOCK_MONOTONIC, &silent, &timer) != 0) return errno;
    }
    return 0;
}

static int big_file(off_t size) {
    signal(SIGXFSZ, SIG_IGN);
    int file = open("battery-sparse", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) return errno;
    int error = as_errno(ftruncate(file, size));
    close(file);
    unlink("battery-sparse");
    return error;
}

static int sparse_file(void) { return big_file(1L << 40); }

// A file that no name leads to and no disk holds: memory that no file limit of a directory counts.
static int big_memory_file(void) {
    signal(SIGXFSZ, SIG_IGN);
    int file = memfd_create("battery", MFD_CLOEXEC);
    return file < 0 ? errno : as_errno(ftruncate(file, 1L << 40));
}

// What /tmp would let one write if it were the host's: a private one has a size of its own.
static int endless_tmp(void) {
    struct statfs here, root;
    if (statfs("/tmp", &here) != 0 || statfs("/usr", &root) != 0) return errno;
    // TMPFS_MAGIC (linux/magic.h)
    if (here.f_type != 0x01021994) return 0;
    return (unsigned long long)here.f_blocks * (unsigned long long)here.f_bsize <= 16ULL << 30 ? ENOSPC : 0;
}

// Refuses to start unless the namespace itself has a small bound: the test must not depend on the mechanism that it tests.
static int bounded(void) {
    FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
    int bound = 1 << 30;
    if (file == NULL || fscanf(file, "%d", &bound) != 1) bound = 1 << 30;
    if (file != NULL) fclose(file);
    return own("pid") && bound <= 4096;
}

// Long enough for a watcher to count.
static int full(int error) {
    usleep(500000);
    return error;
}

static int fork_bomb(void) {
    if (!bounded()) return UNSAFE;
    for (int made = 0; made < 8192; made++) {
        pid_t pid = fork();
        if (pid < 0) return full(errno);
        if (pid == 0) {
            for (;;) pause();
        }
    }
    return 0;
}

static void *sit(void *nothing) {
    for (;;) pause();
    return nothing;
}

static int thread_bomb(void) {
    if (!bounded()) return UNSAFE;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 32768);
    for (int made = 0; made < 8192; made++) {
        pthread_t thread;
        int error = pthread_create(&thread, &small, sit, NULL);
        if (error != 0) return full(error);
    }
    return 0;
}

static const struct probe limits_probes[] = {
    PROBE(raise_core_limit, "D48", NOWHERE, "rlimits", "raise the bound on core files"),
    PROBE(raise_file_limit, "B15", NOWHERE, "rlimits", "raise the bound on open files"),
    PROBE(raise_process_limit, "B12", NOWHERE, "rlimits", "raise the bound on processes"),
    PROBE(raise_lock_limit, "B16", NOWHERE, "rlimits", "raise the bound on locked memory"),
    PROBE(raise_queue_limit, "B20", NOWHERE, "rlimits", "raise the bound on message queues"),
    PROBE(raise_signal_limit, "B16", NOWHERE, "rlimits", "raise the bound on waiting signals"),
    PROBE(raise_priority, "B16", ROOT, "caps", "take the highest priority"),
    PROBE(real_time, "B16", ROOT, "caps", "run before everybody else (SCHED_FIFO)"),
    PROBE(deadline, "B16", NOWHERE, "caps", "reserve a processor (SCHED_DEADLINE)"),
    PROBE(disk_first, "B16", ROOT, "caps", "use the disk before everybody else"),
    PROBE(lock_memory, "B16", ROOT, "memlock", "lock 64 MiB of memory"),
    PROBE(spared_by_oom, "D49", NOWHERE, "caps", "be spared when memory is short"),
    PROBE(many_descriptors, "B15", BARE, "nofile", "open 17,000 files"),
    PROBE(many_timers, "B15", BARE, "rlimits", "make 20,000 timers"),
    PROBE(many_watchers, "B15", BARE, "watchers", "use up the user's file watchers"),
    PROBE(sparse_file, "B14", BARE, "fsize wsreadonly", "make a file of 1 TiB"),
    PROBE(big_memory_file, "B13", BARE, "fsize", "make a file of 1 TiB in memory"),
    PROBE(endless_tmp, "B14", BARE, "mountns", "have a /tmp as large as the disk"),
    PROBE(fork_bomb, "B12", NOWHERE, "pids", "start processes until nothing else can", .alone = 1),
    PROBE(thread_bomb, "B12", NOWHERE, "pids", "start threads until nothing else can", .alone = 1),
};
TOPIC(limits);
