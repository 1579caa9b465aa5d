// A leader and the leaves that refuse to die with it.
//
//     tree exit|wait READYFILE
//
// Every leaf reports its pid over a pipe once it is as stubborn as it gets; then the leader writes all pids to READYFILE and
// exits at once ("exit") or stays until TERM ("wait"). Each leaf has an alarm, so that even a leaked one is gone after 3 minutes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready[2];

static void report(void) {
    pid_t pid = getpid();
    if (write(ready[1], &pid, sizeof pid) != sizeof pid) _exit(90);
}

static void linger(void) __attribute__((noreturn));
static void linger(void) {
    alarm(180);
    report();
    for (;;) pause();
}

static void deaf(void) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

// a: in the leader's group, ignores TERM.
static void same_group(void) {
    signal(SIGTERM, SIG_IGN);
    linger();
}

// b: a session of its own.
static void own_session(void) {
    setsid();
    deaf();
    linger();
}

// c: double-forked into a session of its own.
static void double_forked(void) {
    setsid();
    if (fork() != 0) _exit(0);
    deaf();
    linger();
}

// A proper daemon: nothing open, no parent-death signal, another directory, another name.
static void daemonised(void) {
    setsid();
    if (fork() != 0) _exit(0);
    prctl(PR_SET_PDEATHSIG, 0);
    prctl(PR_SET_NAME, "kworker/0:9");
    deaf();
    if (chdir("/") != 0) _exit(91);
    close(0);
    close(1);
    close(2);
    linger();
}

// Double-forked, but holds the leader's output open.
static void holds_output(void) {
    if (fork() != 0) _exit(0);
    setsid();
    deaf();
    linger();
}

// Stopped: TERM alone would never reach it.
static void stopped(void) {
    setsid();
    alarm(180);
    report();
    raise(SIGSTOP);
    for (;;) pause();
}

// A parent blocked in vfork by a child that never execs.
static void vforked(void) {
    setsid();
    deaf();
    alarm(180);
    report();
    if (vfork() == 0) {
        pid_t pid = getpid();
        if (write(ready[1], &pid, sizeof pid) != sizeof pid) _exit(90);
        for (;;) pause();
    }
    _exit(0);
}

// A tracer with a tracee in a trace stop (both merely linger where ptrace is denied).
static void tracing(void) {
    setsid();
    deaf();
    int up[2];
    char byte = 0;
    if (pipe(up) != 0) _exit(93);
    pid_t tracee = fork();
    if (tracee == 0) {
        alarm(180);
        report();
        if (write(up[1], &byte, 1) != 1) _exit(90);
        for (;;) pause();
    }
    if (read(up[0], &byte, 1) != 1) _exit(95);
    if (ptrace(PTRACE_SEIZE, tracee, 0, 0) == 0) ptrace(PTRACE_INTERRUPT, tracee, 0, 0);
    linger();
}

// A subreaper of its own, with a child that was double-forked below it.
static void subreaper(void) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setsid();
    deaf();
    if (fork() == 0) {
        if (fork() != 0) _exit(0);
        setsid();
        linger();
    }
    linger();
}

// A sibling instead of a child (lingers alone where CLONE_PARENT is denied).
static void sibling(void) {
    setsid();
    deaf();
    long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid > 0) _exit(0);
    linger();
}

// A PID namespace of its own with its own init (lingers in the outer one where that is denied).
static void nested(void) {
    setsid();
    deaf();
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0 && fork() == 0) {
        // Its pid means something else in here, so the outer one reports for both.
        alarm(180);
        for (;;) pause();
    }
    linger();
}

// Cleared its environment: no nonce finds it.
static void envless(void) {
    setsid();
    deaf();
    char number[16];
    snprintf(number, sizeof number, "%d", ready[1]);
    char *arguments[] = {"tree", "leaf", number, NULL};
    char *none[] = {NULL};
    execve("/proc/self/exe", arguments, none);
    _exit(92);
}

static const struct {
    void (*body)(void);
    int reports;
} leaves[] = {
    {same_group, 1}, {own_session, 1}, {double_forked, 1}, {daemonised, 1}, {holds_output, 1}, {stopped, 1}, {vforked, 2},
    {tracing, 2},      {subreaper, 2},   {sibling, 1},       {nested, 1},     {envless, 1},
};

static void leave(int number) {
    (void)number;
    _exit(0);
}

int main(int count, char **arguments) {
    if (count == 3 && strcmp(arguments[1], "leaf") == 0) {
        ready[1] = atoi(arguments[2]);
        linger();
    }
    if (count != 3) return 64;
    if (pipe(ready) != 0) return 93;
    int expected = 0;
    for (size_t leaf = 0; leaf < sizeof leaves / sizeof *leaves; leaf++) {
        expected += leaves[leaf].reports;
        pid_t pid = fork();
        if (pid < 0) return 94;
        if (pid == 0) {
            close(ready[0]);
            leaves[leaf].body();
        }
    }
    signal(SIGTERM, leave);
    alarm(180);
    char part[4096], text[1024] = "";
    snprintf(part, sizeof part, "%s.part", arguments[2]);
    for (; expected > 0; expected--) {
        pid_t pid;
        if (read(ready[0], &pid, sizeof pid) != sizeof pid) return 95;
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d\n", pid);
    }
    int file = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || write(file, text, strlen(text)) < 0 || rename(part, arguments[2]) != 0) return 96;
    if (strcmp(arguments[1], "exit") == 0) return 0;
    for (;;) pause();
}
