// User namespaces that exist only to translate owners: a root-owned workspace appears to the worker as its own
// (mount_setattr(2), MOUNT_ATTR_IDMAP, Linux 5.12), so that the worker's uid on the host is never 0.
#include "syscalls.h"
#include "child.h"

size_t cage_decimal(uint64_t value, char *text) {
    char reversed[20];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++) text[i] = reversed[count - 1 - i];
    return count;
}

int cage_write_file(const char *path, const char *text, size_t size) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t written = write(fd, text, size);
    int error = errno;
    close(fd);
    errno = error;
    return written == (ssize_t)size ? 0 : -1;
}

int cage_write_id_map(pid_t pid, bool groups, uint32_t inside, uint32_t outside) {
    char path[48] = "/proc/";
    size_t length = 6 + cage_decimal((uint64_t)pid, path + 6);
    memcpy(path + length, groups ? "/gid_map" : "/uid_map", 9);
    char line[64];
    size_t size = cage_decimal(inside, line);
    line[size++] = ' ';
    size += cage_decimal(outside, line + size);
    memcpy(line + size, " 1\n", 3);
    return cage_write_file(path, line, size + 3);
}

int cage_idmap(uint32_t uid_inside, uint32_t uid_outside, uint32_t gid_inside, uint32_t gid_outside) {
    int hold[2];
    if (pipe2(hold, O_CLOEXEC) < 0) return -1;
    int pidfd = -1;
    pid_t pid = cage_clone(CLONE_NEWUSER, &pidfd, -1);
    if (pid == 0) {
        char byte;
        close(hold[1]);
        while (read(hold[0], &byte, 1) < 0 && errno == EINTR) {}
        _exit(0);
    }
    int result = -1;
    if (pid > 0) {
        if (cage_write_id_map(pid, false, uid_inside, uid_outside) == 0
            && cage_write_id_map(pid, true, gid_inside, gid_outside) == 0) {
            char path[48] = "/proc/";
            size_t length = 6 + cage_decimal((uint64_t)pid, path + 6);
            memcpy(path + length, "/ns/user", 9);
            result = open(path, O_RDONLY | O_CLOEXEC);
        }
    }
    int error = errno;
    close(hold[0]);
    close(hold[1]);
    if (pidfd >= 0) close(pidfd);
    if (pid > 0) while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    errno = error;
    return result;
}
