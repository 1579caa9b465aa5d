#define _GNU_SOURCE
#include "syscalls.h"
#include "child.h"

#include <sys/uio.h>

int cage_tell(const struct cage_ends *ends, const struct cage_message *message, int descriptor) {
    struct iovec data = {.iov_base = (void *)message, .iov_len = sizeof *message};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {0};
    struct msghdr envelope = {.msg_iov = &data, .msg_iovlen = 1};
    if (descriptor >= 0) {
        envelope.msg_control = control.bytes;
        envelope.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&envelope);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    ssize_t sent;
    do sent = sendmsg(ends->control, &envelope, MSG_NOSIGNAL); while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof *message ? 0 : -1;
}

_Noreturn void cage_fail(const struct cage_ends *ends, enum cage_stage stage, size_t index, bool found) {
    struct cage_message message = {
        .kind = CAGE_MESSAGE_FAILED, .stage = stage, .index = (uint32_t)index, .value = errno, .found = found};
    cage_tell(ends, &message, -1);
    _exit(125);
}

void cage_await(const struct cage_ends *ends, char byte) {
    char got = 0;
    ssize_t count;
    do count = read(ends->control, &got, 1); while (count < 0 && errno == EINTR);
    if (count != 1 || got != byte) _exit(125);
}

int cage_receive(const struct cage *cage, struct cage_message *message, pid_t *sender, int *descriptor) {
    struct iovec data = {.iov_base = message, .iov_len = sizeof *message};
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    struct msghdr envelope = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    *sender = 0;
    *descriptor = -1;
    ssize_t count;
    do count = recvmsg(cage->control, &envelope, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); while (count < 0 && errno == EINTR);
    if (count < 0) return errno == EAGAIN ? 0 : -1;
    if (count != (ssize_t)sizeof *message) return -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&envelope); header; header = CMSG_NXTHDR(&envelope, header)) {
        if (header->cmsg_level != SOL_SOCKET) continue;
        if (header->cmsg_type == SCM_CREDENTIALS) {
            struct ucred credentials;
            memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
            *sender = credentials.pid;
        } else if (header->cmsg_type == SCM_RIGHTS) {
            memcpy(descriptor, CMSG_DATA(header), sizeof(int));
        }
    }
    return 1;
}

int cage_release(const struct cage *cage) { return write(cage->control, "x", 1) == 1 ? 0 : -1; }

void cage_close_pair(int pair[2]) {
    if (pair[0] >= 0) close(pair[0]);
    if (pair[1] >= 0) close(pair[1]);
}

// "W W 1" for both maps. As an ordinary user the kernel wants setgroups denied first (user_namespaces(7)); as root the init
// empties the group list itself.
static int write_maps(pid_t pid, const struct cage_order *order, bool privileged) {
    if (!privileged) {
        char path[48] = "/proc/";
        size_t length = 6 + cage_decimal((uint64_t)pid, path + 6);
        memcpy(path + length, "/setgroups", 11);
        if (cage_write_file(path, "deny", 4) < 0) return -1;
    }
    if (cage_write_id_map(pid, true, order->gid, order->gid) < 0) return -1;
    return cage_write_id_map(pid, false, order->uid, order->uid);
}

// clone3 is answered with ENOSYS or EPERM by containers that could not look at its flags (moby's default profile); clone(2)
// is then asked for the same, without the two flags it has no room for: signal handlers are reset by the child in any case, and
// the cgroup is joined before the child is let go.
pid_t cage_clone(uint64_t flags, int *pidfd, int cgroup) {
    struct clone_args arguments = {
        .flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid >= 0 || (errno != ENOSYS && errno != EPERM)) return pid;
    pid = (pid_t)syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, NULL, pidfd, NULL, NULL);
    if (pid <= 0 || cgroup < 0) return pid;
    char text[21];
    size_t size = cage_decimal((uint64_t)pid, text);
    int procs = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    bool joined = procs >= 0 && write(procs, text, size) == (ssize_t)size;
    int error = errno;
    if (procs >= 0) close(procs);
    if (joined) return pid;
    cage_pidfd_signal(*pidfd, SIGKILL, false);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    close(*pidfd);
    *pidfd = -1;
    errno = error;
    return -1;
}

int cage_spawn(struct cage_order *order, struct cage *cage, struct cage_failure *failure) {
    if (order->namespaces == 0) return cage_spawn_plain(order, cage, failure);
    const bool privileged = geteuid() == 0;
    int control[2] = {-1, -1}, lifeline[2] = {-1, -1}, exec_status[2] = {-1, -1};
    enum cage_stage stage = CAGE_STAGE_PREPARE;
    size_t index = 0;
    int pidfd = -1;
    const int on = 1;

    if (order->uid == 0 || order->gid == 0) {
        errno = EPERM;
        goto failed;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0
        || setsockopt(control[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 || pipe2(lifeline, O_CLOEXEC) < 0
        || pipe2(exec_status, O_CLOEXEC) < 0)
        goto failed;
    // Only root may clone a tree of the host's mount namespace and map owners on it; an ordinary user's init does it inside.
    if (privileged && cage_prepare_mounts(order, true, &index, &stage) < 0) goto failed;

    // A pending signal must not be taken by the copy before its handlers are reset.
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    stage = CAGE_STAGE_CLONE;
    index = 0;
    pid_t pid = cage_clone(order->namespaces, &pidfd, order->cgroup);
    if (pid == 0) {
        const struct cage_ends ends = {.control = control[1], .lifeline = lifeline[0], .exec_status = exec_status[1]};
        close(control[0]);
        close(lifeline[1]);
        close(exec_status[0]);
        cage_init(order, &ends, privileged);
    }
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    if (pid < 0) goto failed;

    close(control[1]);
    close(lifeline[0]);
    close(exec_status[1]);
    *cage = (struct cage){
        .init = pid, .init_pidfd = pidfd, .control = control[0], .lifeline = lifeline[1], .exec_status = exec_status[0],
        .children = -1};
    control[1] = lifeline[0] = exec_status[1] = -1;

    // The supervisor must be able to prove this tree empty even if we die on the next line; until "go" nothing can run in it.
    stage = CAGE_STAGE_HANDOFF;
    if (order->handoff >= 0 && cage_send_descriptor(order->handoff, pidfd, 'P') < 0) goto abandon;
    stage = CAGE_STAGE_ID_MAPS;
    if (write_maps(pid, order, privileged) < 0) goto abandon;
    if (write(cage->control, "g", 1) != 1) goto abandon;
    return 0;

abandon:
    error = errno;
    cage_pidfd_signal(pidfd, SIGKILL, false);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    close(pidfd);
    close(cage->control);
    close(cage->lifeline);
    close(cage->exec_status);
    control[0] = lifeline[1] = exec_status[0] = -1;
    *cage = (struct cage){.init_pidfd = -1, .control = -1, .lifeline = -1, .exec_status = -1, .children = -1};
    errno = error;
failed:
    *failure = (struct cage_failure){.stage = (uint8_t)stage, .index = (uint16_t)index, .error = errno};
    cage_close_pair(control);
    cage_close_pair(lifeline);
    cage_close_pair(exec_status);
    return -1;
}
