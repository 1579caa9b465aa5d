// Privileges: what is left of them, and every way back up that needs no helper.
#include "battery.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/securebits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static unsigned long long status(const char *key, int base) {
    char line[256];
    unsigned long long value = ~0ULL;
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL) return value;
    size_t length = strlen(key);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, length) == 0 && line[length] == ':') value = strtoull(line + length + 1, NULL, base);
    }
    fclose(file);
    return value;
}

static int holds_capability(void) {
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapAmb"};
    for (size_t set = 0; set < sizeof sets / sizeof *sets; set++) {
        if (status(sets[set], 16) != 0) return 0;
    }
    return EPERM;
}

// Only who may change the set can empty it: without a user namespace that is root.
static int may_hold_capability(void) { return status("CapBnd", 16) != 0 ? 0 : EPERM; }

static int is_root(void) { return getuid() == 0 || geteuid() == 0 ? 0 : EPERM; }
static int may_gain(void) { return status("NoNewPrivs", 10) == 1 ? EPERM : 0; }
static int unfiltered(void) { return status("Seccomp", 10) == 2 ? EPERM : 0; }

// Changing to uid 0 is what counts, not what it is called.
static int become_root(void) {
    if (setuid(0) == 0 && getuid() == 0) return 0;
    if (setresuid(0, 0, 0) == 0) return 0;
    return as_errno(syscall(SYS_setfsuid, 0)) == 0 && syscall(SYS_setfsuid, -1) == 0 ? 0 : EPERM;
}

static int change_groups(void) {
    gid_t none = 0;
    return as_errno(syscall(SYS_setgroups, 1UL, &none));
}

static int raise_capability(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{1 << CAP_CHOWN, 1 << CAP_CHOWN, 1 << CAP_CHOWN}, {0, 0, 0}};
    return as_errno(syscall(SYS_capset, &header, data));
}

static int privileges_kept_over_exec(void) { return as_errno(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); }
static int loosen_securebits(void) { return as_errno(prctl(PR_SET_SECUREBITS, 0)); }

// Never run: without no_new_privs exec would make the change, and that is what counts.
static int setuid_program(void) {
    static const char *const programs[] = {"/usr/bin/newgrp", "/usr/bin/chsh", "/usr/bin/chfn", "/usr/bin/gpasswd", "/usr/bin/su"};
    for (size_t index = 0; index < sizeof programs / sizeof *programs; index++) {
        struct stat facts;
        if (stat(programs[index], &facts) != 0 || !(facts.st_mode & S_ISUID)) continue;
        return status("NoNewPrivs", 10) == 1 ? EPERM : 0;
    }
    return NOTHING;
}

// A file that is set-user-ID to whoever owns the workspace outside would be a way out for the next person who runs it.
static int mode_kept(int file) {
    if (file < 0) return errno;
    struct stat facts = {0};
    fstat(file, &facts);
    close(file);
    unlink("battery-setuid");
    return facts.st_mode & 06000 ? 0 : EPERM;
}

static int setuid_file(void) {
    int file = open("battery-setuid", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    if (file < 0) return errno;
    if (fchmod(file, 06755) != 0) {
        int error = errno;
        mode_kept(file);
        return error;
    }
    return mode_kept(file);
}

static int setgid_directory(void) {
    if (mkdir("battery-setgid", 0755) != 0) return errno;
    int error = as_errno(chmod("battery-setgid", 02755));
    rmdir("battery-setgid");
    return error;
}

static int setuid_by_open(void) { return mode_kept(open("battery-setuid", O_CREAT | O_WRONLY | O_CLOEXEC, 06755)); }

static int setuid_by_openat2(void) {
    struct open_how how = {.flags = O_CREAT | O_WRONLY | O_CLOEXEC, .mode = 06755};
    return mode_kept((int)syscall(SYS_openat2, AT_FDCWD, "battery-setuid", &how, sizeof how));
}

static int setuid_by_mknod(void) {
    if (mknod("battery-setuid", S_IFREG | 06755, 0) != 0) return errno;
    return mode_kept(open("battery-setuid", O_RDONLY | O_CLOEXEC));
}

static int with_file(int (*change)(int file)) {
    int file = open("battery-file", O_CREAT | O_RDWR | O_CLOEXEC, 0700);
    if (file < 0) return errno;
    int error = change(file);
    close(file);
    unlink("battery-file");
    return error;
}

// Version 2, CAP_CHOWN permitted and effective (linux/capability.h).
static int add_capability(int file) {
    static const uint32_t value[5] = {0x02000001, 1, 0, 0, 0};
    return as_errno(fsetxattr(file, "security.capability", value, sizeof value, 0));
}
static int file_capability(void) { return with_file(add_capability); }

static int add_trusted(int file) { return as_errno(fsetxattr(file, "trusted.battery", "x", 1, 0)); }
static int trusted_attribute(void) { return with_file(add_trusted); }

static int give_to_root(int file) { return as_errno(fchown(file, 0, 0)); }
static int file_to_root(void) { return with_file(give_to_root); }

static int device_node(void) {
    if (mknod("battery-device", S_IFCHR | 0666, makedev(1, 3)) != 0) return errno;
    int worked = opens("battery-device", O_RDONLY);
    unlink("battery-device");
    return worked;
}

static int disk_node(void) {
    if (mknod("battery-disk", S_IFBLK | 0666, makedev(7, 0)) != 0) return errno;
    unlink("battery-disk");
    return 0;
}

#define MODES "seccomp wsreadonly"
#define CAPABLE "caps userns"

static const struct probe privileges_probes[] = {
    PROBE(is_root, "D50", ROOT, "uid", "be uid 0"),
    PROBE(holds_capability, "D50", ROOT, "caps", "hold any capability"),
    PROBE(may_hold_capability, "D50", BARE, "userns", "keep a capability within reach"),
    PROBE(may_gain, "D50", BARE, "nnp", "be allowed to gain privileges by exec"),
    PROBE(unfiltered, "D50", BARE, "filter", "run without a filter"),
    PROBE(become_root, "D50", ROOT, "uid", "change to uid 0"),
    PROBE(change_groups, "D50", ROOT, "caps", "change its groups"),
    PROBE(raise_capability, "D50", ROOT, "caps", "raise a capability"),
    PROBE(privileges_kept_over_exec, "D50", NOWHERE, "nnp", "take no_new_privs back"),
    PROBE(loosen_securebits, "D50", ROOT, "caps", "make uid 0 special again"),
    PROBE(setuid_program, "D50", BARE, "nnp", "gain another uid by a set-user-ID program"),
    PROBE(setuid_file, "C29", BARE, MODES, "leave a set-user-ID file in the workspace", CALL(SYS_fchmod, 0, 06755)),
    PROBE(setgid_directory, "C29", BARE, MODES, "leave a set-group-ID directory in the workspace", CALL(SYS_chmod, 0, 02755)),
    PROBE(setuid_by_open, "C29", BARE, MODES, "the same in one call, by open", CALL(SYS_openat, 0, 0, 0101, 06755)),
    PROBE(setuid_by_openat2, "C29", BARE, "seccomp wsreadonly", "the same by openat2, whose mode no filter sees", CALL(SYS_openat2)),
    PROBE(setuid_by_mknod, "C29", BARE, MODES, "the same by mknod", CALL(SYS_mknod, 0, 06755)),
    PROBE(file_capability, "C29", ROOT, CAPABLE, "give a file a capability"),
    PROBE(trusted_attribute, "C29", ROOT, CAPABLE, "write a trusted attribute"),
    PROBE(file_to_root, "C29", ROOT, CAPABLE, "give a file to root"),
    PROBE(device_node, "C29", ROOT, CAPABLE, "make a device"),
    PROBE(disk_node, "C29", ROOT, CAPABLE, "make a disk device"),
};
TOPIC(privileges);
