// Whether an overlay can be mounted inside a user namespace (Linux 5.11, `userxattr`): tried by mounting one, in namespaces that
// end with the child.
#define _GNU_SOURCE
#include "syscalls.h"
#include "child.h"

#include <sys/mount.h>

int cage_try_overlay(const char *directory) {
    static const char options[] = "lowerdir=lower,upperdir=upper,workdir=work,userxattr";
    int hold[2], pidfd = -1;
    if (pipe2(hold, O_CLOEXEC) < 0) return -1;
    const uid_t uid = geteuid();
    const gid_t gid = getegid();
    pid_t pid = cage_clone(CLONE_NEWUSER | CLONE_NEWNS, &pidfd, -1);
    if (pid == 0) {
        char go = 0;
        close(hold[1]);
        while (read(hold[0], &go, 1) < 0 && errno == EINTR) {}
        if (go != 'g' || chdir(directory) < 0) _exit(errno ? errno : EIO);
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) _exit(errno);
        _exit(mount("overlay", "merged", "overlay", MS_NODEV | MS_NOSUID, options) < 0 ? errno : 0);
    }
    int error = errno;
    if (pid > 0) {
        char path[48] = "/proc/";
        size_t length = 6 + cage_decimal((uint64_t)pid, path + 6);
        memcpy(path + length, "/setgroups", 11);
        bool mapped = (uid == 0 || cage_write_file(path, "deny", 4) == 0) && cage_write_id_map(pid, true, gid, gid) == 0
            && cage_write_id_map(pid, false, uid, uid) == 0;
        error = errno;
        if (mapped && write(hold[1], "g", 1) != 1) error = errno;
    }
    close(hold[0]);
    close(hold[1]);
    if (pidfd >= 0) close(pidfd);
    int status = 0;
    if (pid > 0) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) != EIO) error = WEXITSTATUS(status);
    }
    errno = error;
    return -1;
}
