#define _GNU_SOURCE
#include "ccage.h"
#include "syscalls.h"

#include <dirent.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>

int cage_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }

int cage_open_at(int directory, const char *path, int flags, unsigned mode) {
    return openat(directory, path, flags, mode);
}

int cage_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int cage_set_close_on_exec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }

int cage_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int cage_spawn_close_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int cage_spawn_in(posix_spawn_file_actions_t *actions, const char *directory) {
    return posix_spawn_file_actions_addchdir_np(actions, directory);
}

int cage_pipe_size(int fd, int bytes) {
    int size = fcntl(fd, F_SETPIPE_SZ, bytes);
    return size > 0 ? size : fcntl(fd, F_GETPIPE_SZ);
}

void cage_ignore_broken_pipes(void) {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

uint64_t cage_boottime(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int cage_timer(void) { return timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK); }

int cage_timer_arm(int timer, uint64_t boottime) {
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(boottime / 1000000000u), .tv_nsec = (long)(boottime % 1000000000u)}};
    return timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

int cage_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int cage_pidfd_signal(int pidfd, int signal, bool group) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, group ? 1u << 2 : 0);
}

int cage_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

ssize_t cage_read_directory(int fd, void *buffer, size_t size) {
    return syscall(SYS_getdents64, fd, buffer, size);
}

const char *cage_next_entry(const void *buffer, size_t filled, size_t *position) {
    if (*position >= filled) return NULL;
    const struct dirent64 *entry = (const struct dirent64 *)((const char *)buffer + *position);
    *position += entry->d_reclen;
    return entry->d_name;
}

static char *title;
static size_t title_size;

// glibc passes main's arguments to constructors; Embedded Swift's main has none.
__attribute__((constructor)) static void remember_title(int argc, char **argv) {
    if (argc < 1) return;
    title = argv[0];
    title_size = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) + 1 - argv[0]);
}

void cage_trim_memory(void) { malloc_trim(0); }

char *cage_title(size_t *size) {
    *size = title_size;
    return title;
}

int cage_send_descriptor(int socket, int descriptor, char tag) {
    struct iovec data = {.iov_base = &tag, .iov_len = 1};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {0};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int64_t cage_tmpfs_used(int directory, const char *path) {
    int place = openat(directory, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place < 0) return -1;
    struct statfs status;
    int result = fstatfs(place, &status);
    close(place);
    if (result < 0) return -1;
    return status.f_type == TMPFS_MAGIC ? (int64_t)(status.f_blocks - status.f_bfree) * status.f_bsize : 0;
}

int cage_refuse_call(int listener, uint32_t *call, pid_t *process) {
    // A newer kernel's structures may be longer than our headers', and it fills in all it has.
    union {
        struct seccomp_notif request;
        char space[512];
    } in = {0};
    union {
        struct seccomp_notif_resp answer;
        char space[512];
    } out = {0};
    // Once for each announcement only: the call of a process that has died meanwhile is ENOENT, a second look would block.
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0) return errno == ENOENT || errno == EINTR ? 0 : -1;
    *call = (uint32_t)in.request.data.nr;
    *process = (pid_t)in.request.pid;
    out.answer.id = in.request.id;
    out.answer.error = -EPERM;
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out) < 0 && errno != ENOENT ? -1 : 1;
}

int cage_become_unreadable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

int cage_seccomp_mode(void) { return prctl(PR_GET_SECCOMP, 0, 0, 0, 0); }

int cage_forbid_forks(pid_t pid) {
    const struct rlimit none = {0, 0};
    return prlimit(pid, RLIMIT_NPROC, &none, NULL);
}

pid_t cage_dead_child(pid_t spared) {
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == spared) return 0;
    return info.si_pid;
}

int cage_has_ended(pid_t child, int *code, int *status) {
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) < 0) return -1;
    *code = info.si_code;
    *status = info.si_status;
    return info.si_pid == child;
}
