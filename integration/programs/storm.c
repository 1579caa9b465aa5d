// Random system calls, from processes that die of them and are replaced.
//
//     storm SEED SECONDS
//
// Arguments are small numbers, addresses of a buffer, descriptors, flags and noise. Left out is what would end the storm itself and prove nothing:
// exit, waiting for ever, and signals, which the battery has probes for. Prints how many calls were made, by what they came to.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILDREN = 8, CALLS = 470, BUFFER = 4096 };

// Shared with the children: what came of the calls.
struct tally {
    unsigned long calls, succeeded, missing, refused;
};

static uint64_t state;

static uint64_t next(void) {
    // xorshift64*: small, and the same everywhere for the same seed.
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1DULL;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static unsigned long argument(char *buffer) {
    switch (next() % 9) {
    case 0: return next() % 8;
    case 1: return next() % 256;
    case 2: return (unsigned long)buffer + next() % 64 * 8;
    case 3: return 1UL << next() % 40;
    case 4: return (unsigned long)-1;
    case 5: return (unsigned long)AT_FDCWD;
    case 6: return next();
    case 7: return (unsigned long)getpid();
    default: return 0;
    }
}

static int excluded(long number) {
    static const long ours[] = {SYS_exit, SYS_exit_group, SYS_pause, SYS_rt_sigsuspend, SYS_rt_sigreturn, SYS_fork, SYS_vfork, SYS_clone,
                                SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal};
    for (size_t index = 0; index < sizeof ours / sizeof *ours; index++) {
        if (ours[index] == number) return 1;
    }
    return 0;
}

// What a path argument may find: names of the host's as well as nonsense.
static void fill(char *buffer) {
    static const char *const names[] = {"/", "/etc/passwd", "/proc/self/mem", "/tmp", ".", "..", "/dev/null", "/proc/1/root", "storm-file", "/sys", "/usr"};
    for (int index = 0; index < BUFFER; index++) buffer[index] = (char)next();
    for (int index = 0; index < 64; index += 8) strncpy(buffer + index * 8, names[next() % (sizeof names / sizeof *names)], 32);
}

static void child(uint64_t seed, double end, struct tally *tally) {
    state = seed | 1;
    // Between pages that nothing can be written to: a call that writes too much must not change the tally.
    char *buffer = mmap(NULL, 3 * BUFFER, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buffer += BUFFER;
    if (mprotect(buffer, BUFFER, PROT_READ | PROT_WRITE) != 0) _exit(1);
    while (now() < end) {
        fill(buffer);
        long number = (long)(next() % CALLS);
        if (excluded(number)) continue;
        errno = 0;
        long result = syscall(number, argument(buffer), argument(buffer), argument(buffer), argument(buffer), argument(buffer), argument(buffer));
        __atomic_add_fetch(&tally->calls, 1, __ATOMIC_RELAXED);
        if (result >= 0) __atomic_add_fetch(&tally->succeeded, 1, __ATOMIC_RELAXED);
        if (result < 0 && errno == ENOSYS) __atomic_add_fetch(&tally->missing, 1, __ATOMIC_RELAXED);
        if (result < 0 && errno == EPERM) __atomic_add_fetch(&tally->refused, 1, __ATOMIC_RELAXED);
    }
    _exit(0);
}

int main(int count, char **arguments) {
    if (count != 3) return 64;
    // Never on a machine without a cage: the first process has to be another one than init, and the root read-only.
    if (access("/run/claudine", F_OK) != 0) return 69;
    uint64_t seed = strtoull(arguments[1], NULL, 0);
    double end = now() + atof(arguments[2]);
    struct tally *tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct {
        pid_t pid;
        double born;
    } slots[CHILDREN] = {0};
    unsigned long born = 0, lost = 0;
    for (int alive = 0; now() < end || alive > 0;) {
        alive = 0;
        for (int slot = 0; slot < CHILDREN; slot++) {
            int status;
            if (slots[slot].pid > 0 && waitpid(slots[slot].pid, &status, WNOHANG) != 0) {
                lost += WIFSIGNALED(status);
                slots[slot].pid = 0;
            }
            // It may have ignored its alarm, stopped itself, or be waiting for something that never comes.
            if (slots[slot].pid > 0 && now() > slots[slot].born + 1) kill(slots[slot].pid, SIGKILL);
            if (slots[slot].pid == 0 && now() < end) {
                pid_t pid = fork();
                if (pid == 0) child(seed + born * 0x9E3779B97F4A7C15ULL, end, tally);
                slots[slot].pid = pid > 0 ? pid : 0;
                slots[slot].born = now();
                born += pid > 0;
            }
            alive += slots[slot].pid > 0;
        }
        usleep(1000);
    }
    printf("\n%lu calls, %lu succeeded, %lu missing, %lu refused; %lu children, %lu died\n", tally->calls, tally->succeeded, tally->missing,
           tally->refused, born, lost);
    return 0;
}
