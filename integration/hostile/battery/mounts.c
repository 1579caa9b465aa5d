// Mounts. All of them are tried in a mount namespace of the cage's own only.
#include "battery.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OWN_MOUNTS(attempt) return own("mnt") ? as_errno(attempt) : UNSAFE

static int mount_tmpfs(void) { OWN_MOUNTS(mount("none", "/tmp", "tmpfs", 0, "")); }
static int mount_proc(void) { OWN_MOUNTS(mount("proc", "/proc", "proc", 0, "")); }
static int mount_over(void) { OWN_MOUNTS(mount("/tmp", "/etc", NULL, MS_BIND, NULL)); }
static int mount_overlay(void) { OWN_MOUNTS(mount("o", "/tmp", "overlay", 0, "lowerdir=/etc:/usr")); }
static int share_mounts(void) { OWN_MOUNTS(mount("none", "/", NULL, MS_SHARED | MS_REC, NULL)); }
static int remount_root(void) { OWN_MOUNTS(mount("none", "/", NULL, MS_REMOUNT | MS_BIND, NULL)); }
static int remount_usr(void) { OWN_MOUNTS(mount("none", "/usr", NULL, MS_REMOUNT | MS_BIND, NULL)); }
static int unmount_proc(void) { OWN_MOUNTS(umount2("/proc", MNT_DETACH)); }
static int clone_tree(void) { OWN_MOUNTS(syscall(SYS_open_tree, AT_FDCWD, "/", 1 | AT_RECURSIVE)); }
static int new_filesystem(void) { OWN_MOUNTS(syscall(SYS_fsopen, "tmpfs", 0)); }
static int pick_filesystem(void) { OWN_MOUNTS(syscall(SYS_fspick, AT_FDCWD, "/proc", 0)); }
static int change_root(void) { OWN_MOUNTS(chroot("/")); }

static int move_mount_away(void) {
    if (!own("mnt")) return UNSAFE;
    // With descriptors that are none, an answer other than a refusal comes from behind the permission.
    int error = as_errno(syscall(SYS_move_mount, -1, "", -1, "", 4 | 0x40));
    return error == EPERM || error == ENOSYS ? error : 0;
}

static int change_attributes(void) {
    if (!own("mnt")) return UNSAFE;
    struct mount_attr attributes = {0};
    return as_errno(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes));
}

static int pivot(void) {
    if (!own("mnt")) return UNSAFE;
    return as_errno(syscall(SYS_pivot_root, "/", "/")) == EPERM ? EPERM : 0;
}

// The way out of a chroot: a directory kept open while the root moves below it.
static int leave_root(void) {
    if (!own("mnt")) return UNSAFE;
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return errno;
    mkdir("/tmp/battery-root", 0700);
    if (chroot("/tmp/battery-root") != 0) {
        int error = errno;
        rmdir("/tmp/battery-root");
        return error;
    }
    int error = as_errno(fchdir(root));
    rmdir("tmp/battery-root");
    return error;
}

#define WALLS "seccomp caps"

static const struct probe mounts_probes[] = {
    PROBE(mount_tmpfs, "D36", NAMESPACES, WALLS, "mount an empty file system on /tmp", CALL(SYS_mount)),
    PROBE(mount_proc, "D36", NAMESPACES, WALLS, "mount a fresh /proc", CALL(SYS_mount)),
    PROBE(mount_over, "D36", NAMESPACES, WALLS, "put another directory in the place of /etc", CALL(SYS_mount, 0, 0, 0, MS_BIND)),
    PROBE(mount_overlay, "D36", NAMESPACES, WALLS, "mount an overlay", CALL(SYS_mount)),
    PROBE(share_mounts, "D36", NAMESPACES, WALLS, "let its mounts be seen outside", CALL(SYS_mount, 0, 0, 0, MS_SHARED | MS_REC)),
    PROBE(remount_root, "D36", NAMESPACES, WALLS, "make the root writable", CALL(SYS_mount, 0, 0, 0, MS_REMOUNT | MS_BIND)),
    PROBE(remount_usr, "D36", NOWHERE, WALLS, "make /usr writable", CALL(SYS_mount, 0, 0, 0, MS_REMOUNT | MS_BIND)),
    PROBE(unmount_proc, "D36", NAMESPACES, WALLS, "uncover what lies below /proc", CALL(SYS_umount2)),
    PROBE(clone_tree, "D36", NAMESPACES, WALLS, "copy the mount tree (open_tree)", CALL(SYS_open_tree)),
    PROBE(move_mount_away, "D36", NAMESPACES, WALLS, "move a mount (move_mount)", CALL(SYS_move_mount)),
    PROBE(new_filesystem, "D36", NAMESPACES, WALLS, "make a file system (fsopen)", CALL(SYS_fsopen)),
    PROBE(pick_filesystem, "D36", NAMESPACES, WALLS, "reconfigure a file system (fspick)", CALL(SYS_fspick)),
    PROBE(change_attributes, "D36", NAMESPACES, WALLS, "change a mount's attributes (mount_setattr)", CALL(SYS_mount_setattr)),
    PROBE(change_root, "D36", NAMESPACES, WALLS, "change its root directory", CALL(SYS_chroot)),
    PROBE(leave_root, "D36", NAMESPACES, WALLS, "leave its root by an open directory", CALL(SYS_chroot)),
    PROBE(pivot, "D36", NAMESPACES, WALLS, "exchange its root file system", CALL(SYS_pivot_root)),
};
TOPIC(mounts);
