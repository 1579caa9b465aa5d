// Planting the processes of leaves.c, and finding out which of them are still there.
#include "leaves.h"

#include "battery.h"

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int plant(long number) {
    place = number;
    if (pipe(ready) != 0) return errno;
    pid_t pid = fork();
    if (pid < 0) return errno;
    if (pid == 0) {
        close(ready[0]);
        leaves[number].body();
        _exit(0);
    }
    close(ready[1]);
    char byte;
    return read(ready[0], &byte, 1) == 1 ? PLANTED : ECHILD;
}

static pid_t holder(int file, long position) {
    struct flock lock = byte_at(position, F_WRLCK);
    if (fcntl(file, F_GETLK, &lock) != 0) return -1;
    return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

// Between two of a chain there is a moment in which nobody holds the lock.
static pid_t living(int file, long position) {
    for (int look = 0; look < 10; look++) {
        pid_t pid = holder(file, position);
        if (pid != 0) return pid;
        usleep(3000);
    }
    return 0;
}

int survivors(int killing) {
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 1;
    for (long shape = 0; shape < LEAVES; shape++) {
        pid_t pid = living(file, shape);
        if (pid == 0) continue;
        printf("%s %d\n", leaves[shape].name, pid);
        for (int round = 0; killing && pid > 0 && round < 3000; round++) {
            // The pid is its own as long as it holds the lock, and the handle stays with whom it was opened for.
            int handle = (int)syscall(SYS_pidfd_open, pid, 0);
            if (handle >= 0 && holder(file, shape) == pid) syscall(SYS_pidfd_send_signal, handle, SIGKILL, NULL, 0);
            if (handle >= 0) close(handle);
            usleep(1000);
            pid = living(file, shape);
        }
    }
    return 0;
}

static int outlive_session(void) { return plant(0); }
static int outlive_daemon(void) { return plant(1); }
static int outlive_output(void) { return plant(2); }
static int outlive_stopped(void) { return plant(3); }
static int outlive_vfork(void) { return plant(4); }
static int outlive_traced(void) { return plant(5); }
static int outlive_subreaper(void) { return plant(6); }
static int outlive_sibling(void) { return plant(7); }
static int outlive_nested(void) { return plant(8); }
static int outlive_nameless(void) { return plant(9); }
static int outlive_leaderless(void) { return plant(10); }
static int outlive_hopping(void) { return plant(11); }
static int outlive_blocking(void) { return plant(12); }
static int outlive_swarm(void) { return plant(13); }

#define ENDS "pidns sweep"

static const struct probe outliving_probes[] = {
    PROBE(outlive_session, "A1", BARE, ENDS, "outlive the task in a session of its own"),
    PROBE(outlive_daemon, "A1", BARE, ENDS, "outlive the task as a daemon under another name"),
    PROBE(outlive_output, "A10", BARE, ENDS, "outlive the task with its output open"),
    PROBE(outlive_stopped, "A3", BARE, ENDS, "outlive the task by being stopped"),
    PROBE(outlive_vfork, "A4", BARE, ENDS, "outlive the task blocked in vfork"),
    PROBE(outlive_traced, "A5", BARE, ENDS, "outlive the task as a tracer with a stopped tracee"),
    PROBE(outlive_subreaper, "A6", BARE, ENDS, "outlive the task below a reaper of its own"),
    PROBE(outlive_sibling, "A6", BARE, ENDS, "outlive the task as a sibling"),
    PROBE(outlive_nested, "A6", BARE, ENDS, "outlive the task in a PID namespace of its own"),
    PROBE(outlive_nameless, "A1", BARE, ENDS, "outlive the task with an empty environment"),
    PROBE(outlive_leaderless, "A1", BARE, ENDS, "outlive the task with its first thread gone"),
    PROBE(outlive_hopping, "A1", BARE, ENDS, "outlive the task with a new pid every moment"),
    PROBE(outlive_blocking, "A1", BARE, ENDS, "outlive the task ignoring every signal"),
    PROBE(outlive_swarm, "A11", BARE, ENDS, "outlive the task in numbers"),
};
TOPIC(outliving);
