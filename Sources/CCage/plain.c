// The best-effort level: no namespace is to be had, so the worker is a plain child of the shepherd. It loses what an ordinary
// user can take from itself, in the same order as in a cage; what keeps its tree together is the shepherd, to which every
// orphan of the tree comes (PR_SET_CHILD_SUBREAPER).
#define _GNU_SOURCE
#include "syscalls.h"
#include "child.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>

static int watch_children(void) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &child, NULL) < 0) return -1;
    return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

// The gateway's socket lies in a directory of the caller's own; there is no other network to listen in.
static int open_listeners(const struct cage_order *order, size_t *index) {
    for (size_t i = 0; i < order->listener_count; i++) {
        *index = i;
        if (order->listeners[i].kind != CAGE_LISTEN_UNIX) continue;
        int listener = cage_listen(&order->listeners[i], order->listeners[i].path);
        if (listener < 0) return -1;
        int result = order->handoff < 0 ? -1 : cage_send_descriptor(order->handoff, listener, 'L');
        int error = errno;
        close(listener);
        errno = error;
        if (result < 0) return -1;
    }
    return 0;
}

int cage_spawn_plain(const struct cage_order *order, struct cage *cage, struct cage_failure *failure) {
    int control[2] = {-1, -1}, lifeline[2] = {-1, -1}, exec_status[2] = {-1, -1};
    int pidfd = -1, children = -1;
    enum cage_stage stage = CAGE_STAGE_IDENTITY;
    size_t index = 0;
    const int on = 1;

    // Nothing here changes the identity: root would stay root, and root is held by none of these walls.
    if (geteuid() == 0 || geteuid() != order->uid || getegid() != order->gid) {
        errno = EPERM;
        goto failed;
    }
    stage = CAGE_STAGE_PREPARE;
    // The worker has our uid: it must not read or trace us. Its copy of this flag goes with its first step.
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) goto failed;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0
        || setsockopt(control[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 || pipe2(lifeline, O_CLOEXEC) < 0
        || pipe2(exec_status, O_CLOEXEC) < 0)
        goto failed;
    // Before the clone: a child that dies at once must not be missed.
    children = watch_children();
    if (children < 0) goto failed;
    stage = CAGE_STAGE_LISTENER;
    if (open_listeners(order, &index) < 0) goto failed;

    stage = CAGE_STAGE_CLONE;
    index = 0;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = cage_clone(0, &pidfd, order->cgroup);
    if (pid == 0) {
        const struct cage_ends ends = {.control = control[1], .lifeline = lifeline[0], .exec_status = exec_status[1]};
        close(control[0]);
        close(lifeline[1]);
        close(exec_status[0]);
        cage_tie_to_shepherd(&ends);
        cage_await(&ends, 'g');
        cage_worker(order, &ends);
    }
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    if (pid < 0) goto failed;
    close(pidfd);
    close(control[1]);
    close(lifeline[0]);
    close(exec_status[1]);
    control[1] = lifeline[0] = exec_status[1] = -1;
    *cage = (struct cage){
        .init = pid, .init_pidfd = -1, .control = control[0], .lifeline = lifeline[1], .exec_status = exec_status[0],
        .children = children};
    char text[21];
    const size_t digits = cage_decimal((uint64_t)pid, text);
    bool joined = true;
    for (size_t i = 0; i < order->controller_count && joined; i++)
        joined = write(order->controllers[i], text, digits) == (ssize_t)digits;
    if (joined && write(cage->control, "g", 1) == 1) return 0;

    // It waits for leave that does not come, and has run nothing.
    error = errno;
    stage = CAGE_STAGE_CGROUP;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    close(cage->control);
    close(cage->lifeline);
    close(cage->exec_status);
    control[0] = lifeline[1] = exec_status[0] = -1;
    *cage = (struct cage){.init_pidfd = -1, .control = -1, .lifeline = -1, .exec_status = -1, .children = -1};
    errno = error;

failed:
    *failure = (struct cage_failure){.stage = (uint8_t)stage, .index = (uint16_t)index, .error = errno};
    if (children >= 0) close(children);
    cage_close_pair(control);
    cage_close_pair(lifeline);
    cage_close_pair(exec_status);
    return -1;
}
