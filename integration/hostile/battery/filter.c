// The system call filter itself: other doors to the same kernel, and the one who answers for it.
#include "battery.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
static long by_interrupt(long number, long first, long second, long third) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(third) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

// Numbers of the 32-bit table (arch/x86/entry/syscalls/syscall_32.tbl).
static int foreign_pid(void) { return by_interrupt(20, 0, 0, 0) > 0 ? 0 : ENOSYS; }
static int foreign_socket(void) {
    long made = by_interrupt(359, 1, 1, 0);
    return made >= 0 ? 0 : (int)-made;
}
static int foreign_unshare(void) {
    long made = by_interrupt(310, 0x10000000, 0, 0);
    return made >= 0 ? 0 : (int)-made;
}
static int foreign_trace(void) {
    long made = by_interrupt(26, 0, 0, 0);
    return made >= 0 ? 0 : (int)-made;
}

// A program of the other architecture, whole: exit(42).
static int foreign_program(void) {
    static const unsigned char code[] = {0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80};
    unsigned char image[84 + sizeof code] = {
        0x7f, 'E', 'L', 'F', 1, 1, 1, [16] = 2, [18] = 3, [20] = 1,
        // entry 0x08048054, program headers at 52, header sizes 52 and 32, one of them
        [24] = 0x54, [25] = 0x80, [26] = 0x04, [27] = 0x08, [28] = 52, [40] = 52, [42] = 32, [44] = 1,
        // PT_LOAD of everything at 0x08048000, readable and executable
        [52] = 1, [60] = 0, [61] = 0x80, [62] = 0x04, [63] = 0x08, [64] = 0, [65] = 0x80, [66] = 0x04, [67] = 0x08, [68] = sizeof image,
        [72] = sizeof image, [76] = 5, [81] = 0x10};
    memcpy(image + 84, code, sizeof code);
    int file = memfd_create("battery", 0);
    if (file < 0) return errno;
    if (write(file, image, sizeof image) != sizeof image) return errno;
    pid_t pid = fork();
    if (pid == 0) {
        char *arguments[] = {"battery", NULL}, *none[] = {NULL};
        syscall(SYS_execveat, file, "", arguments, none, AT_EMPTY_PATH);
        _exit(errno == ENOEXEC ? 43 : 44);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return errno;
    if (WIFSIGNALED(status)) raise(WTERMSIG(status));
    return WEXITSTATUS(status) == 42 ? 0 : WEXITSTATUS(status) == 43 ? ENOEXEC : EACCES;
}
#endif

static long trapped(void) { return syscall(SYS_keyctl, 1, NULL); }

// A filter of one's own that allows everything does not lift the one before.
static int lift_filter(void) {
    struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, all};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    prctl(PR_SET_SECCOMP, 0, 0, 0, 0);
    return as_errno(trapped());
}

static char path[16] = "/tmp";
static volatile int over;

static void *rewrite(void *nothing) {
    while (!over) {
        strcpy(path, "/dev");
        strcpy(path, "/tmp");
    }
    return nothing;
}

// The arguments change while somebody may be looking at them: the answer must not depend on what they point to.
static int rewrite_arguments(void) {
    if (!own("mnt")) return UNSAFE;
    pthread_t thread;
    if (pthread_create(&thread, NULL, rewrite, NULL) != 0) return errno;
    int error = EPERM;
    for (int round = 0; round < 300 && error == EPERM; round++) error = as_errno(mount("none", path, "tmpfs", 0, ""));
    over = 1;
    pthread_join(thread, NULL);
    return error;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// As many refused calls as it can make: the last has to be refused like the first.
static int flood(void) {
    double end = seconds() + 1;
    int error = EPERM;
    for (int round = 0; round < 20000 && seconds() < end && error == EPERM; round++) error = as_errno(trapped());
    return error;
}

// Processes that die while their call is being looked at; the next one still gets its answer.
static int die_trapped(void) {
    for (int round = 0; round < 40; round++) {
        pid_t pid = fork();
        if (pid < 0) return errno;
        if (pid == 0) {
            for (;;) trapped();
        }
        usleep(500 + (useconds_t)(round * 37 % 1000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return as_errno(trapped());
}

static void *trap(void *nothing) {
    for (int round = 0; round < 50; round++) trapped();
    return nothing;
}

// Sixteen threads at the door at once.
static int crowd(void) {
    pthread_t threads[16];
    for (int index = 0; index < 16; index++) {
        if (pthread_create(&threads[index], NULL, trap, NULL) != 0) return errno;
    }
    for (int index = 0; index < 16; index++) pthread_join(threads[index], NULL);
    return as_errno(trapped());
}

#define DENIED_CALL CALL(SYS_keyctl, 1)

static const struct probe filter_probes[] = {
#if defined(__x86_64__)
    PROBE(foreign_pid, "D41", BARE, "seccomp", "call the kernel by its 32-bit door", .answers = "killed SYS"),
    PROBE(foreign_socket, "D41", BARE, "seccomp", "make a socket by the 32-bit door", .answers = "killed SYS"),
    PROBE(foreign_unshare, "D41", BARE, "seccomp", "make a user namespace by the 32-bit door", .answers = "killed SYS"),
    PROBE(foreign_trace, "D41", BARE, "seccomp", "be traced by the 32-bit door", .answers = "killed SYS"),
    PROBE(foreign_program, "D41", BARE, "seccomp", "run a 32-bit program"),
    CALLS(x32_pid, "D40", NOWHERE, "seccomp kernel", "call the kernel by its x32 door", CALL(0x40000000 + SYS_getpid),
          .answers = "killed SYS|denied ENOSYS"),
    CALLS(x32_trace, "D40", NOWHERE, "seccomp kernel", "be traced by the x32 door", CALL(0x40000000 + 521), .answers = "killed SYS|denied ENOSYS"),
#endif
    PROBE(lift_filter, "D51", BARE, "seccomp", "lift the filter with one of its own", DENIED_CALL),
    PROBE(rewrite_arguments, "D52", NAMESPACES, "seccomp caps", "change a call's arguments while it is looked at", CALL(SYS_mount)),
    PROBE(flood, "D53", BARE, "seccomp", "flood the filter with refused calls", DENIED_CALL),
    PROBE(crowd, "D53", BARE, "seccomp", "be refused in sixteen threads at once", DENIED_CALL),
    PROBE(die_trapped, "D53", BARE, "seccomp", "die while a call is being refused", DENIED_CALL),
};
TOPIC(filter);
