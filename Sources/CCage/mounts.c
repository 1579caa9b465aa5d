// The worker's file system, built from an empty or read-only root. Every source is cloned as a detached tree before
// anything is covered, and every target is resolved inside the new root, so that neither a symbolic link in it nor the
// place where it is assembled can lead outside.
#define _GNU_SOURCE
#include "syscalls.h"
#include "child.h"

#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

static int open_plain(const char *path) {
    struct open_how_arguments how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_PLAIN};
    return sys_openat2(AT_FDCWD, path, &how);
}

// Workspace, home and protected names usually have one owner: one translation serves them all.
struct owner_map {
    int userns;
    uid_t uid;
    gid_t gid;
};

static int map_owner(int tree, int source, const struct cage_order *order, struct owner_map *map) {
    struct stat status;
    if (fstat(source, &status) < 0) return -1;
    if (status.st_uid == order->uid && status.st_gid == order->gid) return 0;
    if (map->userns < 0 || map->uid != status.st_uid || map->gid != status.st_gid) {
        if (map->userns >= 0) close(map->userns);
        *map = (struct owner_map){
            .userns = cage_idmap(status.st_uid, order->uid, status.st_gid, order->gid),
            .uid = status.st_uid,
            .gid = status.st_gid};
        if (map->userns < 0) return -1;
    }
    struct mount_attributes attributes = {.set = ATTR_IDMAP, .userns = (uint64_t)map->userns};
    return sys_mount_setattr(tree, PATH_RECURSIVE, &attributes);
}

static int prepare_tree(
    struct cage_mount *step, const struct cage_order *order, bool privileged, struct owner_map *map, enum cage_stage *stage) {
    *stage = CAGE_STAGE_MOUNT;
    // Sources were resolved by the supervisor; one that has become a symbolic link since is not what was agreed on.
    int source = open_plain(step->source);
    if (source < 0) return step->flags & CAGE_MOUNT_OPTIONAL && errno == ENOENT ? 0 : -1;
    step->tree = sys_open_tree(source, "", TREE_CLONE | TREE_CLOEXEC | PATH_RECURSIVE | PATH_EMPTY);
    int result = step->tree < 0 ? -1 : 0;
    if (result == 0 && privileged && step->flags & CAGE_MOUNT_OWNER_MAPPED) {
        *stage = CAGE_STAGE_IDMAP;
        result = map_owner(step->tree, source, order, map);
    }
    if (result == 0) {
        *stage = CAGE_STAGE_MOUNT;
        // A clone stays in its source's peer group: what is mounted on it would appear on the host where / is shared (the
        // default of systemd), and what the host mounts would appear in the cage.
        struct mount_attributes attributes = {
            .propagation = MS_PRIVATE,
            .set = ATTR_NO_SUID | (step->flags & CAGE_MOUNT_READ_ONLY ? ATTR_READ_ONLY : 0)
                | (step->flags & CAGE_MOUNT_NO_EXEC ? ATTR_NO_EXEC : 0)
                | (step->flags & CAGE_MOUNT_KEEP_DEVICES ? 0 : ATTR_NO_DEVICES)};
        result = sys_mount_setattr(step->tree, PATH_RECURSIVE, &attributes);
    }
    int error = errno;
    close(source);
    errno = error;
    return result;
}

int cage_prepare_mounts(struct cage_order *order, bool privileged, size_t *index, enum cage_stage *stage) {
    struct owner_map map = {.userns = -1};
    int result = 0;
    for (size_t i = 0; i < order->mount_count && result == 0; i++) {
        struct cage_mount *step = &order->mounts[i];
        step->tree = -1;
        if (step->kind != CAGE_MOUNT_BIND && step->kind != CAGE_MOUNT_HOST_ROOT) continue;
        *index = i;
        result = prepare_tree(step, order, privileged, &map, stage);
    }
    int error = errno;
    if (map.userns >= 0) close(map.userns);
    errno = error;
    return result;
}

// A path inside the new root; 0 length is the root itself.
static int resolve(int root, const char *path, size_t length, bool follow) {
    char copy[4096];
    while (length > 0 && *path == '/') {
        path++;
        length--;
    }
    if (length >= sizeof copy) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(copy, path, length);
    copy[length] = 0;
    struct open_how_arguments how = {
        .flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW), .resolve = RESOLVE_BENEATH_ROOT};
    // EAGAIN: something was renamed or mounted anywhere meanwhile, so that the kernel cannot swear to a ".." on the way (openat2(2)).
    int fd, attempts = 0;
    do fd = sys_openat2(root, length == 0 ? "." : copy, &how); while (fd < 0 && errno == EAGAIN && ++attempts < 1000);
    return fd;
}

enum wanted { WANT_EXISTING, WANT_DIRECTORY, WANT_FILE, WANT_PARENT };

// Opens a target, making what is missing of it. For WANT_PARENT it is the directory of the last component.
static int open_target(int root, const char *path, enum wanted wanted, uint32_t mode) {
    size_t length = strlen(path);
    if (wanted != WANT_PARENT) {
        int fd = resolve(root, path, length, true);
        if (fd >= 0 || errno != ENOENT || wanted == WANT_EXISTING) return fd;
    }
    int parent = resolve(root, path, 0, true);
    if (parent < 0) return -1;
    size_t start = 0;
    while (start < length && path[start] == '/') start++;
    while (start < length) {
        size_t end = start;
        while (end < length && path[end] != '/') end++;
        const bool last = end == length;
        if (last && wanted == WANT_PARENT) return parent;
        int next = resolve(root, path, end, true);
        if (next < 0 && errno == ENOENT) {
            char name[256];
            if (end - start >= sizeof name) {
                errno = ENAMETOOLONG;
                break;
            }
            memcpy(name, path + start, end - start);
            name[end - start] = 0;
            int made = last && wanted == WANT_FILE ? mknodat(parent, name, S_IFREG | 0444, 0)
                                                   : mkdirat(parent, name, last ? mode : 0755);
            if (made < 0) break;
            next = resolve(root, path, end, true);
        }
        if (next < 0) break;
        close(parent);
        if (last) return next;
        parent = next;
        start = end;
        while (start < length && path[start] == '/') start++;
    }
    int error = errno;
    close(parent);
    errno = error;
    return -1;
}

struct option {
    const char *key;
    const char *value;
};

static int make_filesystem(const char *type, const struct option *options, size_t count, unsigned attributes) {
    int context = (int)syscall(SYS_fsopen, type, FS_CLOEXEC);
    if (context < 0) return -1;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        if (options[i].value) result = (int)syscall(SYS_fsconfig, context, FS_SET_STRING, options[i].key, options[i].value, 0);
    if (result == 0) result = (int)syscall(SYS_fsconfig, context, FS_CREATE, NULL, NULL, 0);
    if (result == 0) result = (int)syscall(SYS_fsmount, context, FS_MOUNT_CLOEXEC, attributes);
    int error = errno;
    close(context);
    errno = error;
    return result;
}

static int make_tmpfs(uint64_t size, uint64_t inodes, uint32_t mode, unsigned attributes) {
    char size_text[24], inode_text[24], mode_text[8];
    size_text[cage_decimal(size, size_text)] = 0;
    inode_text[cage_decimal(inodes, inode_text)] = 0;
    for (int i = 0; i < 4; i++) mode_text[i] = (char)('0' + (mode >> (9 - 3 * i) & 7));
    mode_text[4] = 0;
    const struct option options[] = {
        {"size", size ? size_text : NULL}, {"nr_inodes", inodes ? inode_text : NULL}, {"mode", mode_text}};
    return make_filesystem("tmpfs", options, 3, attributes | ATTR_NO_SUID | ATTR_NO_DEVICES);
}

static int attach(int mount, int target) {
    int result = sys_move_mount(mount, target, "", MOVE_FROM_EMPTY | MOVE_TO_EMPTY);
    int error = errno;
    close(target);
    errno = error;
    return result;
}

static int apply_bind(int root, const struct cage_mount *step) {
    if (step->tree < 0) return 0;
    struct stat status;
    if (fstat(step->tree, &status) < 0) return -1;
    int target = open_target(root, step->target, S_ISDIR(status.st_mode) ? WANT_DIRECTORY : WANT_FILE, 0755);
    if (target < 0) return -1;
    int result = attach(step->tree, target);
    close(step->tree);
    return result;
}

static int apply_tmpfs(int root, const struct cage_mount *step) {
    const unsigned attributes = (step->flags & CAGE_MOUNT_READ_ONLY ? ATTR_READ_ONLY : 0)
        | (step->flags & CAGE_MOUNT_NO_EXEC ? ATTR_NO_EXEC : 0);
    int target = open_target(root, step->target, WANT_DIRECTORY, 0755);
    if (target < 0) return step->flags & CAGE_MOUNT_OPTIONAL ? 0 : -1;
    int mount = make_tmpfs(step->size, step->inodes, step->mode, attributes);
    if (mount < 0) return -1;
    int result = attach(mount, target);
    close(mount);
    return result;
}

// Covers what exists; where nothing is, nothing has to be hidden.
static int apply_hide(int root, const struct cage_mount *step, int scratch) {
    int target = open_target(root, step->target, WANT_EXISTING, 0);
    if (target < 0) return step->flags & CAGE_MOUNT_OPTIONAL && (errno == ENOENT || errno == ENOTDIR || errno == EACCES) ? 0 : -1;
    struct stat status;
    if (fstat(target, &status) < 0) return -1;
    int cover;
    if (S_ISDIR(status.st_mode)) {
        cover = make_tmpfs(4096, 2, 0, ATTR_READ_ONLY | ATTR_NO_EXEC);
    } else {
        cover = sys_open_tree(scratch, "hidden", TREE_CLONE | TREE_CLOEXEC);
        struct mount_attributes attributes = {.set = ATTR_READ_ONLY | ATTR_NO_EXEC | ATTR_NO_DEVICES | ATTR_NO_SUID};
        if (cover >= 0 && sys_mount_setattr(cover, 0, &attributes) < 0) return -1;
    }
    if (cover < 0) return -1;
    int result = attach(cover, target);
    close(cover);
    return result;
}

static int apply_symlink(int root, const struct cage_mount *step) {
    int parent = open_target(root, step->target, WANT_PARENT, 0755);
    if (parent < 0) return -1;
    const char *name = strrchr(step->target, '/');
    int result = symlinkat(step->source, parent, name ? name + 1 : step->target);
    if (result < 0 && errno == EEXIST) result = 0;
    close(parent);
    return result;
}

// null zero full random urandom tty are the host's own nodes: mknod is not allowed in a user namespace.
static int apply_devices(int root, const struct cage_mount *step) {
    static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
    static const struct {
        const char *name, *text;
    } links[] = {{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
                 {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"}};
    int target = open_target(root, step->target, WANT_DIRECTORY, 0755);
    if (target < 0) return -1;
    int dev = make_tmpfs(65536, 64, 0755, ATTR_NO_EXEC);
    if (dev < 0 || attach(dev, target) < 0) return -1;
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        char path[24] = "/dev/";
        memcpy(path + 5, nodes[i], strlen(nodes[i]) + 1);
        int tree = sys_open_tree(AT_FDCWD, path, TREE_CLONE | TREE_CLOEXEC);
        struct mount_attributes attributes = {.set = ATTR_NO_SUID | ATTR_NO_EXEC};
        if (tree < 0 || sys_mount_setattr(tree, 0, &attributes) < 0) return -1;
        if (mknodat(dev, nodes[i], S_IFREG | 0666, 0) < 0) return -1;
        if (sys_move_mount(tree, dev, nodes[i], MOVE_FROM_EMPTY) < 0) return -1;
        close(tree);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlinkat(links[i].text, dev, links[i].name) < 0) return -1;
    if (mkdirat(dev, "pts", 0755) < 0 || mkdirat(dev, "shm", 0755) < 0) return -1;
    static const struct option terminals[] = {{"ptmxmode", "0666"}, {"mode", "0620"}};
    int pts = make_filesystem("devpts", terminals, 2, ATTR_NO_SUID | ATTR_NO_EXEC);
    if (pts < 0 || sys_move_mount(pts, dev, "pts", MOVE_FROM_EMPTY) < 0) return -1;
    close(pts);
    int shm = make_tmpfs(step->size ? step->size : 64u << 20, 0, 01777, 0);
    if (shm < 0 || sys_move_mount(shm, dev, "shm", MOVE_FROM_EMPTY) < 0) return -1;
    close(shm);
    struct mount_attributes sealed = {.set = ATTR_READ_ONLY};
    int result = sys_mount_setattr(dev, 0, &sealed);
    close(dev);
    return result;
}

static int apply(int root, const struct cage_mount *step, int scratch) {
    int target, mount, result;
    switch (step->kind) {
    case CAGE_MOUNT_BIND: return apply_bind(root, step);
    case CAGE_MOUNT_TMPFS: return apply_tmpfs(root, step);
    case CAGE_MOUNT_HIDE: return apply_hide(root, step, scratch);
    case CAGE_MOUNT_SYMLINK: return apply_symlink(root, step);
    case CAGE_MOUNT_DEVICES: return apply_devices(root, step);
    case CAGE_MOUNT_DIRECTORY:
        target = open_target(root, step->target, WANT_DIRECTORY, step->mode);
        if (target >= 0) close(target);
        return target < 0 ? -1 : 0;
    case CAGE_MOUNT_PROC:
        target = open_target(root, step->target, WANT_DIRECTORY, 0755);
        mount = target < 0 ? -1 : make_filesystem("proc", NULL, 0, ATTR_NO_SUID | ATTR_NO_DEVICES | ATTR_NO_EXEC);
        result = mount < 0 ? -1 : attach(mount, target);
        if (mount >= 0) close(mount);
        return result;
    case CAGE_MOUNT_SEAL:
        target = open_target(root, step->target, WANT_EXISTING, 0);
        if (target < 0) return step->flags & CAGE_MOUNT_OPTIONAL && errno == ENOENT ? 0 : -1;
        struct mount_attributes sealed = {.set = ATTR_READ_ONLY};
        result = sys_mount_setattr(target, 0, &sealed);
        close(target);
        return result;
    default:
        errno = EINVAL;
        return -1;
    }
}

// Where the new root is assembled; which directory does not matter, because all sources are cloned before it is covered.
static const char *assembly_place(void) {
    static const char *const places[] = {"/tmp", "/mnt", "/usr", "/proc"};
    for (size_t i = 0; i < 3; i++)
        if (access(places[i], F_OK) == 0) return places[i];
    return places[3];
}

static int mount_root(const struct cage_mount *step, const char *place) {
    int mount = step->kind == CAGE_MOUNT_HOST_ROOT ? step->tree : make_tmpfs(step->size, step->inodes, step->mode, 0);
    if (mount < 0) return -1;
    int target = open(place, O_PATH | O_CLOEXEC);
    if (target < 0 || attach(mount, target) < 0) return -1;
    return mount;
}

void cage_build_mounts(struct cage_order *order, const struct cage_ends *ends, bool prepared, int *listeners) {
    size_t index = 0;
    enum cage_stage stage = CAGE_STAGE_MOUNT;
    errno = EINVAL;
    if (order->mount_count == 0) cage_fail(ends, CAGE_STAGE_MOUNT, 0, false);
    if (!prepared && cage_prepare_mounts(order, false, &index, &stage) < 0) cage_fail(ends, stage, index, false);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) cage_fail(ends, CAGE_STAGE_PIVOT, 0, false);
    const char *place = assembly_place();
    int scratch = make_tmpfs(4096, 4, 0700, 0);
    int target = open(place, O_PATH | O_CLOEXEC);
    if (scratch < 0 || target < 0 || attach(scratch, target) < 0 || mknodat(scratch, "hidden", S_IFREG, 0) < 0)
        cage_fail(ends, CAGE_STAGE_PIVOT, 1, false);
    int root = mount_root(&order->mounts[0], place);
    if (root < 0 || fchdir(root) < 0) cage_fail(ends, CAGE_STAGE_MOUNT, 0, false);

    bool listening = false;
    for (size_t i = 1; i <= order->mount_count; i++) {
        // A socket's directory entry has to be made while its directory can still be written.
        if (!listening && (i == order->mount_count || order->mounts[i].kind == CAGE_MOUNT_SEAL)) {
            listening = true;
            for (size_t n = 0; n < order->listener_count; n++) {
                if (order->listeners[n].kind != CAGE_LISTEN_UNIX) continue;
                // The new root is the current directory while it is being built.
                const char *path = order->listeners[n].path;
                listeners[n] = cage_listen(&order->listeners[n], path[0] == '/' ? path + 1 : path);
                if (listeners[n] < 0) cage_fail(ends, CAGE_STAGE_LISTENER, n, false);
            }
        }
        if (i < order->mount_count && apply(root, &order->mounts[i], scratch) < 0) cage_fail(ends, CAGE_STAGE_MOUNT, i, false);
    }
    close(scratch);
    if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) cage_fail(ends, CAGE_STAGE_PIVOT, 2, false);
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) cage_fail(ends, CAGE_STAGE_PIVOT, 3, false);
    close(root);
}
