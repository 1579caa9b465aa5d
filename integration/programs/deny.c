// Takes system calls away from a program, as a container or an older kernel does: a seccomp filter that answers them with an errno.
//
//     deny CALL=ERRNO … -- PROGRAM ARGUMENT…
//
// CALL is a name, or name:ARGUMENT&MASK (decimal or 0x…) for calls with one of these bits in that argument, or name:ARGUMENT==VALUE.
// Under another name it is a stand-in: NAME reads such words from NAME.deny beside it, one a line, and executes NAME.real with its
// own arguments and descriptors, so that only that one program of several is without the calls.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned number;
} calls[] = {
    {"bind", SYS_bind}, {"capset", SYS_capset}, {"chdir", SYS_chdir}, {"clone", SYS_clone}, {"clone3", 435},
    {"close_range", 436}, {"dup2", SYS_dup2}, {"execve", SYS_execve}, {"execveat", SYS_execveat}, {"fchdir", SYS_fchdir},
    {"fsconfig", 431}, {"fsmount", 432}, {"fsopen", 430}, {"ioctl", SYS_ioctl}, {"keyctl", SYS_keyctl}, {"landlock_add_rule", 445},
    {"landlock_create_ruleset", 444}, {"landlock_restrict_self", 446}, {"listen", SYS_listen}, {"mkdirat", SYS_mkdirat},
    {"mknodat", SYS_mknodat}, {"mount", SYS_mount}, {"mount_setattr", 442}, {"move_mount", 429}, {"open_tree", 428},
    {"openat2", 437}, {"pipe2", SYS_pipe2}, {"pidfd_open", 434}, {"pidfd_send_signal", 424}, {"pivot_root", SYS_pivot_root}, {"prctl", SYS_prctl},
    {"prlimit64", SYS_prlimit64}, {"seccomp", SYS_seccomp}, {"setgroups", SYS_setgroups}, {"sethostname", SYS_sethostname},
    {"setns", SYS_setns}, {"setpriority", SYS_setpriority}, {"setresgid", SYS_setresgid}, {"setresuid", SYS_setresuid},
    {"setrlimit", SYS_setrlimit}, {"setsid", SYS_setsid}, {"signalfd4", SYS_signalfd4}, {"socketpair", SYS_socketpair},
    {"symlinkat", SYS_symlinkat}, {"umount2", SYS_umount2}, {"unshare", SYS_unshare},
};

static const struct {
    const char *name;
    unsigned number;
} errors[] = {{"EPERM", EPERM}, {"EACCES", EACCES}, {"ENOSYS", ENOSYS}, {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EINVAL", EINVAL},
              {"EOPNOTSUPP", EOPNOTSUPP}, {"ENOMEM", ENOMEM}};

#ifdef __aarch64__
enum { NATIVE = AUDIT_ARCH_AARCH64 };
#else
enum { NATIVE = AUDIT_ARCH_X86_64 };
#endif
enum { MOST = 512 };

static struct sock_filter program[MOST];
static unsigned short length;

static void put(unsigned short code, unsigned value, unsigned char yes, unsigned char no) {
    if (length == MOST) exit(65);
    program[length++] = (struct sock_filter){.code = code, .jt = yes, .jf = no, .k = value};
}

static void load(unsigned offset) { put(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0); }

static void usage(const char *word) {
    fprintf(stderr, "deny: not understood: %s\n", word);
    exit(64);
}

// "name", "name:1&0x100" or "name:0==38", and "=ERRNO".
static void deny(const char *word) {
    char copy[128];
    if (strlen(word) >= sizeof copy) usage(word);
    strcpy(copy, word);
    char *error = strrchr(copy, '=');
    if (!error || error == copy || error[-1] == '=') usage(word);
    *error++ = 0;
    unsigned code = 0, number = ~0u;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(errors[i].name, error) == 0) code = errors[i].number;
    char *test = strchr(copy, ':');
    if (test) *test++ = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, copy) == 0) number = calls[i].number;
    if (code == 0 || number == ~0u) usage(word);
    load(offsetof(struct seccomp_data, nr));
    if (!test) {
        put(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
    } else {
        char *rest;
        unsigned argument = (unsigned)strtoul(test, &rest, 10);
        put(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3);
        load((unsigned)(offsetof(struct seccomp_data, args) + argument * 8));
        if (*rest == '&') put(BPF_JMP | BPF_JSET | BPF_K, (unsigned)strtoul(rest + 1, NULL, 0), 0, 1);
        else if (rest[0] == '=' && rest[1] == '=') put(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)strtoul(rest + 2, NULL, 0), 0, 1);
        else usage(word);
    }
    put(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code, 0, 0);
}

static void install(void) {
    put(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    struct sock_fprog filter = {.len = length, .filter = program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0) {
        perror("deny: seccomp");
        exit(70);
    }
}

int main(int count, char **arguments) {
    (void)count;
    load(offsetof(struct seccomp_data, arch));
    put(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
    put(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    char self[4096], path[4112], line[128];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    self[size < 0 ? 0 : size] = 0;
    snprintf(path, sizeof path, "%s.deny", self);
    FILE *words = size < 0 ? NULL : fopen(path, "re");
    if (words) {
        while (fgets(line, sizeof line, words)) {
            line[strcspn(line, "\n")] = 0;
            if (line[0]) deny(line);
        }
        fclose(words);
        install();
        snprintf(path, sizeof path, "%s.real", self);
        execv(path, arguments);
        return 127;
    }
    for (arguments++; *arguments && strcmp(*arguments, "--") != 0; arguments++) deny(*arguments);
    if (!*arguments || !arguments[1]) usage("no program");
    install();
    execvp(arguments[1], arguments + 1);
    perror(arguments[1]);
    return 127;
}
