// Processes that want to be there when their task is over. Each holds a POSIX lock on one byte of the battery's own file for as long as it
// lives: whoever has that file outside can see it, whatever namespaces, sessions or names are between (fcntl(2)).
#include "battery.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Seconds after which even one that got away is gone.
enum { LIFE = 60 };

static int ready[2];
static long place;

static struct flock byte_at(long position, short type) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = position, .l_len = 1};
}

static void hold(void) {
    struct flock lock = byte_at(place, F_RDLCK);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (file < 0 || fcntl(file, F_SETLK, &lock) != 0) _exit(90);
}

static void report(void) {
    char byte = 1;
    if (write(ready[1], &byte, 1) != 1) _exit(91);
}

static void linger(void) __attribute__((noreturn));
static void linger(void) {
    alarm(LIFE);
    hold();
    report();
    for (;;) pause();
}

static void deaf(void) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

int nameless_leaf(long where) {
    place = where;
    // The pipe that this one reports over was put here before exec.
    ready[1] = 3;
    deaf();
    alarm(LIFE);
    hold();
    report();
    close(3);
    for (;;) pause();
}

// MARK: the shapes; each is run in a process of its own

static void session(void) {
    setsid();
    deaf();
    linger();
}

// A proper daemon: double-forked, nothing open, no parent-death signal, another directory, another name.
static void daemonised(void) {
    setsid();
    if (fork() != 0) _exit(0);
    prctl(PR_SET_PDEATHSIG, 0);
    prctl(PR_SET_NAME, "kworker/0:9");
    deaf();
    if (chdir("/") != 0) _exit(92);
    close(0);
    close(1);
    close(2);
    linger();
}

// Double-forked, with the task's output open.
static void holds_output(void) {
    if (fork() != 0) _exit(0);
    setsid();
    deaf();
    linger();
}

// TERM alone would never reach it.
static void stopped(void) {
    setsid();
    alarm(LIFE);
    hold();
    report();
    raise(SIGSTOP);
    for (;;) pause();
}

// Waits in the kernel for a child that never execs.
static void vforked(void) {
    setsid();
    deaf();
    alarm(LIFE);
    hold();
    if (vfork() == 0) {
        report();
        for (;;) pause();
    }
    _exit(0);
}

// Held in a trace stop by a tracer that lives as long (both merely linger where tracing is denied).
static void traced(void) {
    setsid();
    deaf();
    pid_t tracee = fork();
    if (tracee == 0) {
        alarm(LIFE);
        for (;;) pause();
    }
    if (ptrace(PTRACE_SEIZE, tracee, 0, 0) == 0) ptrace(PTRACE_INTERRUPT, tracee, 0, 0);
    linger();
}

// Collects its own orphans.
static void subreaper(void) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setsid();
    deaf();
    if (fork() == 0) {
        if (fork() != 0) _exit(0);
        setsid();
        linger();
    }
    for (;;) pause();
}

// A sibling instead of a child (lingers alone where that is denied).
static void sibling(void) {
    setsid();
    deaf();
    if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) > 0) _exit(0);
    linger();
}

// In a PID namespace of its own, with its own first process (in the outer one where that is denied).
static void nested(void) {
    setsid();
    deaf();
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0 && fork() != 0) _exit(0);
    linger();
}

// No variable and no name tells where it came from.
static void nameless(void) {
    setsid();
    char number[24];
    snprintf(number, sizeof number, "%ld", place);
    char *arguments[] = {"-", "--leaf", number, NULL}, *none[] = {NULL};
    if (dup2(ready[1], 3) != 3) _exit(93);
    execve("/proc/self/exe", arguments, none);
    _exit(94);
}

static void *threaded(void *nothing) {
    report();
    for (;;) pause();
    return nothing;
}

// Its first thread is gone: a zombie in the list of processes, alive all the same.
static void leaderless(void) {
    pthread_t thread;
    setsid();
    deaf();
    alarm(LIFE);
    hold();
    if (pthread_create(&thread, NULL, threaded, NULL) != 0) _exit(95);
    syscall(SYS_exit, 0);
}

// A new pid fifty times a second: whoever looks, it is somebody else a moment later.
static void hopping(void) {
    setsid();
    deaf();
    int first = 1;
    for (time_t end = time(NULL) + LIFE; time(NULL) < end;) {
        hold();
        if (first) report();
        first = 0;
        usleep(20000);
        pid_t next = fork();
        if (next > 0) _exit(0);
        if (next < 0) usleep(20000);
    }
    _exit(0);
}

// Ignores and blocks whatever can be ignored and blocked.
static void blocking(void) {
    sigset_t all;
    for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
    sigfillset(&all);
    setsid();
    hold();
    report();
    sigprocmask(SIG_SETMASK, &all, NULL);
    // An alarm would be ignored as well.
    sleep(LIFE);
    _exit(0);
}

// Thirty at once, all with the same lock.
static void swarm(void) {
    int up[2];
    char byte = 1;
    setsid();
    deaf();
    if (pipe(up) != 0) _exit(96);
    for (int made = 0; made < 29; made++) {
        pid_t pid = fork();
        if (pid < 0) _exit(97);
        if (pid == 0) {
            alarm(LIFE);
            hold();
            if (write(up[1], &byte, 1) != 1) _exit(91);
            for (;;) pause();
        }
    }
    for (int made = 0; made < 29; made++) {
        if (read(up[0], &byte, 1) != 1) _exit(98);
    }
    linger();
}

static const struct {
    const char *name;
    void (*body)(void);
} shapes[] = {
    {"outlive_session", session},     {"outlive_daemon", daemonised},   {"outlive_output", holds_output}, {"outlive_stopped", stopped},
    {"outlive_vfork", vforked},       {"outlive_traced", traced},       {"outlive_subreaper", subreaper}, {"outlive_sibling", sibling},
    {"outlive_nested", nested},       {"outlive_nameless", nameless},   {"outlive_leaderless", leaderless},
    {"outlive_hopping", hopping},     {"outlive_blocking", blocking},   {"outlive_swarm", swarm},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static int plant(long number) {
    place = number;
    if (pipe(ready) != 0) return errno;
    pid_t pid = fork();
    if (pid < 0) return errno;
    if (pid == 0) {
        close(ready[0]);
        shapes[number].body();
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
    for (long shape = 0; shape < SHAPES; shape++) {
        pid_t pid = living(file, shape);
        if (pid == 0) continue;
        printf("%s %d\n", shapes[shape].name, pid);
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
