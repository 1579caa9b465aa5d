// The worker, from fork to execve: each step takes something away, so the order is the argument. What needs a capability
// comes before the capabilities go; what needs a path comes before Landlock; seccomp is last because it may forbid the rest.
#define _GNU_SOURCE
#include "syscalls.h"
#include "child.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

static void reset_signals(void) {
    // CLONE_CLEAR_SIGHAND keeps ignored signals ignored, and the shepherd ignores SIGPIPE.
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal <= 64; signal++) sigaction(signal, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_limits(const struct cage_order *order, const struct cage_ends *ends) {
    for (size_t i = 0; i < order->rlimit_count; i++) {
        struct rlimit limit = {.rlim_cur = order->rlimits[i].soft, .rlim_max = order->rlimits[i].hard};
        if (setrlimit((int)order->rlimits[i].resource, &limit) < 0) cage_fail(ends, CAGE_STAGE_RLIMIT, i, false);
    }
    if (order->nice != 0 && setpriority(PRIO_PROCESS, 0, order->nice) < 0)
        cage_fail(ends, CAGE_STAGE_RLIMIT, order->rlimit_count, false);
    if (order->oom_score_adjust > 0) {
        char text[21];
        size_t size = cage_decimal((uint64_t)order->oom_score_adjust, text);
        if (cage_write_file("/proc/self/oom_score_adj", text, size) < 0)
            cage_fail(ends, CAGE_STAGE_RLIMIT, order->rlimit_count + 1, false);
    }
}

static void take_streams(const struct cage_order *order, const struct cage_ends *ends) {
    const int streams[3] = {order->standard_input, order->standard_output, order->standard_error};
    // A directory from outside would be a way past the mount namespace: /proc/self/fd/0/../…
    struct stat status;
    errno = EISDIR;
    if (fstat(order->standard_input, &status) < 0 || S_ISDIR(status.st_mode)) cage_fail(ends, CAGE_STAGE_STREAMS, 0, false);
    for (int i = 0; i < 3; i++)
        if (dup2(streams[i], i) < 0) cage_fail(ends, CAGE_STAGE_STREAMS, (size_t)i, false);
}

// No capability in any set, and no way to regain one: capabilities(7), "securebits". An ordinary user outside of a user
// namespace has none and may neither empty the bounding set nor set securebits (CAP_SETPCAP); what could give one back there,
// a program with file capabilities or a set-user-ID bit, is made harmless by no_new_privs.
static void drop_capabilities(const struct cage_order *order, const struct cage_ends *ends) {
    const bool powerless = order->namespaces == 0;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) cage_fail(ends, CAGE_STAGE_CAPABILITIES, 0, false);
    for (unsigned long capability = 0; capability < 64; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
        if (errno == EPERM && powerless) break;
        if (errno == EINVAL && capability > CAP_AUDIT_READ) break;  // past this kernel's last one
        cage_fail(ends, CAGE_STAGE_CAPABILITIES, 1, false);
    }
    const unsigned long locked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP
        | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE
        | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    if (prctl(PR_SET_SECUREBITS, locked, 0, 0, 0) < 0 && !(errno == EPERM && powerless)) cage_fail(ends, CAGE_STAGE_CAPABILITIES, 2, false);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    if (syscall(SYS_capset, &header, none) < 0) cage_fail(ends, CAGE_STAGE_CAPABILITIES, 3, false);
}

// Without mounts the rules name the host's own paths, resolved by the supervisor: one that has become a symbolic link since is
// not what was agreed on, and gets no rule.
static int open_ruled(const struct cage_order *order, const char *path) {
    if (order->namespaces != 0) return open(path, O_PATH | O_CLOEXEC);
    struct open_how_arguments how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_PLAIN};
    return sys_openat2(AT_FDCWD, path, &how);
}

static void restrict_paths(const struct cage_order *order, const struct cage_ends *ends) {
    if (!(order->landlock_files | order->landlock_network | order->landlock_scoped)) return;
    struct landlock_ruleset attributes = {
        .files = order->landlock_files, .network = order->landlock_network, .scoped = order->landlock_scoped};
    // Older kernels know a shorter structure; the supervisor has left out what this one does not know.
    size_t size = attributes.scoped ? 24 : attributes.network ? 16 : 8;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
    if (ruleset < 0) cage_fail(ends, CAGE_STAGE_LANDLOCK, 0, false);
    for (size_t i = 0; i < order->landlock_rule_count; i++) {
        const struct cage_landlock_rule *rule = &order->landlock_rules[i];
        int fd = open_ruled(order, rule->path);
        if (fd < 0 && (errno == ENOENT || (order->namespaces == 0 && (errno == EACCES || errno == ELOOP)))) continue;
        struct stat status;
        if (fd < 0 || fstat(fd, &status) < 0) cage_fail(ends, CAGE_STAGE_LANDLOCK, i + 1, false);
        // A file takes only file rights: execute, write, read, truncate, ioctl (linux/landlock.h).
        const uint64_t file_rights = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 14 | 1u << 15;
        struct landlock_path path = {
            .rights = rule->rights & (S_ISDIR(status.st_mode) ? ~UINT64_C(0) : file_rights), .parent = fd};
        if (path.rights && syscall(SYS_landlock_add_rule, ruleset, 1, &path, 0) < 0)
            cage_fail(ends, CAGE_STAGE_LANDLOCK, i + 1, false);
        close(fd);
    }
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) cage_fail(ends, CAGE_STAGE_LANDLOCK, 0, false);
    close(ruleset);
}

// Loads the filter. Where it hands calls to a listener, that is the descriptor returned, close-on-exec; else -1.
static int filter_calls(const struct cage_order *order, const struct cage_ends *ends) {
    if (order->seccomp_instructions == 0) return -1;
    // Our own copy of it since the fork.
    struct sock_filter *filter = (struct sock_filter *)(uintptr_t)order->seccomp;
    const struct sock_fprog program = {.len = order->seccomp_instructions, .filter = filter};
    bool notifies = false;
    for (size_t i = 0; i < program.len; i++)
        notifies |= filter[i].code == (BPF_RET | BPF_K) && filter[i].k == SECCOMP_RET_USER_NOTIF;
    if (notifies) {
        int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
        if (listener >= 0) return listener;
        // Before Linux 5.0, or where a filter around us has the one listener there can be: the same calls are refused, untold.
        for (size_t i = 0; i < program.len; i++)
            if (filter[i].code == (BPF_RET | BPF_K) && filter[i].k == SECCOMP_RET_USER_NOTIF)
                filter[i].k = SECCOMP_RET_ERRNO | EPERM;
    }
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) cage_fail(ends, CAGE_STAGE_SECCOMP, 0, false);
    return -1;
}

// Tries each candidate as execvp(3) does, but executes the file it has opened, so that what was found is what runs. Scripts
// go by path: the kernel hands the interpreter a name, and a close-on-exec descriptor has none.
static _Noreturn void execute(const struct cage_order *order, const struct cage_ends *ends) {
    int error = ENOENT;
    bool found = false;
    for (size_t i = 0; i < order->candidate_count; i++) {
        const char *path = order->candidates[i];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == EACCES) fd = open(path, O_PATH | O_CLOEXEC);  // executable but not readable
        if (fd < 0) {
            if (errno != ENOENT && errno != ENOTDIR) error = errno;
            continue;
        }
        struct stat status;
        if (fstat(fd, &status) < 0 || S_ISDIR(status.st_mode)) {
            error = EACCES;
            found = true;
            close(fd);
            continue;
        }
        char magic[2] = {0};
        bool script = pread(fd, magic, 2, 0) == 2 && magic[0] == '#' && magic[1] == '!';
        if (!script) syscall(SYS_execveat, fd, "", order->arguments, order->environment, PATH_EMPTY);
        // ENOENT of a file that is open: its format's interpreter (binfmt_misc) wants a name as well.
        if (script || errno == ENOENT) execve(path, order->arguments, order->environment);
        error = errno;
        found = true;
        close(fd);
        if (error != EACCES) break;
    }
    errno = error;
    cage_fail(ends, CAGE_STAGE_EXEC, 0, found);
}

_Noreturn void cage_worker(const struct cage_order *order, const struct cage_ends *ends) {
    if (setsid() < 0) cage_fail(ends, CAGE_STAGE_SESSION, 0, false);
    // The init is not dumpable and we are its copy: without this our /proc files belong to root and neither we can set our
    // OOM score nor the shepherd read our namespaces. execve resets it in any case.
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) cage_fail(ends, CAGE_STAGE_SESSION, 1, false);
    reset_signals();
    // The caller's session keyring must not be reachable; kernels without keyrings have none.
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS && errno != EPERM)
        cage_fail(ends, CAGE_STAGE_SESSION, 2, false);
    take_streams(order, ends);
    if (chdir(order->working_directory) < 0) cage_fail(ends, CAGE_STAGE_CWD, 0, false);
    set_limits(order, ends);
    drop_capabilities(order, ends);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) cage_fail(ends, CAGE_STAGE_NO_NEW_PRIVS, 0, false);
    restrict_paths(order, ends);
    // close_range before seccomp, which need not allow it; the control socket and exec_status close at exec.
    if (syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) < 0) cage_fail(ends, CAGE_STAGE_CLOSE_RANGE, 0, false);
    const int listener = filter_calls(order, ends);
    struct cage_message ready = {.kind = CAGE_MESSAGE_READY};
    if (cage_tell(ends, &ready, listener) < 0) _exit(125);
    cage_await(ends, 'x');
    execute(order, ends);
}
