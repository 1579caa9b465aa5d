#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

// Two calls that Swift cannot make, since syscall(2) is variadic.

/// The Landlock ABI of the running kernel, or -1 with errno; LANDLOCK_CREATE_RULESET_VERSION is 1.
static inline long claudine_landlock_abi(void) {
    return syscall(SYS_landlock_create_ruleset, (void *)0, (unsigned long)0, (unsigned int)1);
}

/// An anonymous file, close-on-exec (MFD_CLOEXEC is 1), or -1 with errno.
static inline int claudine_anonymous_file(void) {
    return (int)syscall(SYS_memfd_create, "claudine-filter", (unsigned int)1);
}
