// Processes that want to be there when their task is over. Each holds a POSIX lock on one byte of the battery's own file for as long as it
// lives: whoever has that file outside can see it, whatever namespaces, sessions or names are between (fcntl(2)).
#include "leaves.h"

#include "battery.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Seconds after which even one that got away is gone.
enum { LIFE = 60 };

int ready[2];
long place;

struct flock byte_at(long position, short type) {
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

static void leave(int number) {
    (void)number;
    _exit(0);
}

static void linger(void) __attribute__((noreturn));
static void linger(void) {
    // The first process of a PID namespace takes no signal that it has no handler for.
    signal(SIGALRM, leave);
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

// TERM alone would never reach it; nor would an alarm, so that its own end is a SIGKILL.
static void stopped(void) {
    struct sigevent end = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    struct itimerspec life = {.it_value.tv_sec = LIFE};
    timer_t timer;
    setsid();
    if (timer_create(CLOCK_MONOTONIC, &end, &timer) != 0 || timer_settime(timer, 0, &life, NULL) != 0) _exit(99);
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
        alarm(LIFE);
        hold();
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
        hold();
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
    alarm(LIFE);
    hold();
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

const struct leaf leaves[] = {
    {"outlive_session", session},     {"outlive_daemon", daemonised},   {"outlive_output", holds_output}, {"outlive_stopped", stopped},
    {"outlive_vfork", vforked},       {"outlive_traced", traced},       {"outlive_subreaper", subreaper}, {"outlive_sibling", sibling},
    {"outlive_nested", nested},       {"outlive_nameless", nameless},   {"outlive_leaderless", leaderless},
    {"outlive_hopping", hopping},     {"outlive_blocking", blocking},   {"outlive_swarm", swarm},
};
_Static_assert(sizeof leaves / sizeof *leaves == LEAVES, "leaves.h counts them");
