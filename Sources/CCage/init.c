// The cage's init: pid 1 of its namespace. Forked, never exec'ed, not dumpable: the worker can neither trace it nor read it.
// While it lives the tree lives; when it ends, by whatever cause, the kernel ends everything in the namespace.
#define _GNU_SOURCE
#include "syscalls.h"
#include "child.h"

#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/un.h>

// In this order only: a dying parent closes its files before it signals its children, so either the prctl came in time or
// the end of the life-line is already visible. getppid() is 0 in a new PID namespace and proves nothing.
void cage_tie_to_shepherd(const struct cage_ends *ends) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) cage_fail(ends, CAGE_STAGE_LIFELINE, 0, false);
    struct pollfd line = {.fd = ends->lifeline, .events = POLLIN};
    if (poll(&line, 1, 0) != 0) _exit(0);
}

static void take_identity(const struct cage_order *order, const struct cage_ends *ends, bool privileged) {
    // As an ordinary user setgroups is denied; as root our groups must not follow us.
    if (privileged && setgroups(0, NULL) < 0) cage_fail(ends, CAGE_STAGE_IDENTITY, 0, false);
    if (setresgid(order->gid, order->gid, order->gid) < 0) cage_fail(ends, CAGE_STAGE_IDENTITY, 1, false);
    if (setresuid(order->uid, order->uid, order->uid) < 0) cage_fail(ends, CAGE_STAGE_IDENTITY, 2, false);
    // setresuid clears the death signal (prctl(2)).
    cage_tie_to_shepherd(ends);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) cage_fail(ends, CAGE_STAGE_IDENTITY, 3, false);
    memset(order->title, 0, order->title_size);
    static const char name[] = "claudine-init";
    memcpy(order->title, name, order->title_size < sizeof name ? order->title_size : sizeof name);
    if (order->title_size > 0) order->title[order->title_size - 1] = 0;
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

static int raise_loopback(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    struct ifreq request = {.ifr_name = "lo"};
    int result = ioctl(fd, SIOCGIFFLAGS, &request);
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    if (result == 0) result = ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
    return result;
}

int cage_listen(const struct cage_listener *listener, const char *path) {
    static const int on = 1;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in loopback4 = {
        .sin_family = AF_INET, .sin_port = htons(listener->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 loopback6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(listener->port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const struct sockaddr *address = (const struct sockaddr *)&local;
    socklen_t length = sizeof local;
    if (listener->kind == CAGE_LISTEN_LOOPBACK4) {
        address = (const struct sockaddr *)&loopback4;
        length = sizeof loopback4;
    } else if (listener->kind == CAGE_LISTEN_LOOPBACK6) {
        address = (const struct sockaddr *)&loopback6;
        length = sizeof loopback6;
    } else {
        if (strlen(path) >= sizeof local.sun_path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(local.sun_path, path, strlen(path) + 1);
        length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
    }
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (listener->kind != CAGE_LISTEN_UNIX) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener->kind == CAGE_LISTEN_LOOPBACK6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, address, length) < 0 || listen(fd, 128) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static void open_network(const struct cage_order *order, const struct cage_ends *ends, int *listeners) {
    if (!(order->namespaces & CLONE_NEWNET)) return;
    if (raise_loopback() < 0) cage_fail(ends, CAGE_STAGE_LOOPBACK, 0, false);
    for (size_t i = 0; i < order->listener_count; i++) {
        const struct cage_listener *listener = &order->listeners[i];
        if (listener->kind == CAGE_LISTEN_UNIX) continue;
        listeners[i] = cage_listen(listener, NULL);
        bool no_ipv6 = errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
        if (listeners[i] < 0 && !(listener->kind == CAGE_LISTEN_LOOPBACK6 && no_ipv6))
            cage_fail(ends, CAGE_STAGE_LISTENER, i, false);
    }
}

// Of the caller's 128 (fs.inotify.max_user_instances), which all of their programs share: namespaces above count these too (inotify(7)).
static const char watcher_limit[] = "32";

// Returns whether pid_max is the namespace's own. Before Linux 6.14 there is one for the whole machine, which only uid 0 of the
// host may write, and that we never are.
static bool limit_namespaces(const struct cage_order *order, const struct cage_ends *ends) {
    bool own = true;
    if (order->pid_max > 0) {
        char text[21];
        if (cage_write_file("/proc/sys/kernel/pid_max", text, cage_decimal(order->pid_max, text)) < 0) {
            if (errno != EACCES) cage_fail(ends, CAGE_STAGE_SYSCTL, 0, false);
            own = false;
        }
    }
    if (!order->nesting && cage_write_file("/proc/sys/user/max_user_namespaces", "0", 1) < 0)
        cage_fail(ends, CAGE_STAGE_SYSCTL, 1, false);
    // ENOENT: a kernel without inotify.
    if (cage_write_file("/proc/sys/user/max_inotify_instances", watcher_limit, sizeof watcher_limit - 1) < 0 && errno != ENOENT)
        cage_fail(ends, CAGE_STAGE_SYSCTL, 2, false);
    return own;
}

static int32_t read_pid_max(void) {
    char text[16] = {0};
    int fd = open("/proc/sys/kernel/pid_max", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    int32_t value = 0;
    for (ssize_t i = 0; i < count && text[i] >= '0' && text[i] <= '9'; i++) value = value * 10 + (text[i] - '0');
    return value;
}

// num_threads is the 18th field from the state on (proc(5), fields 3 and 20).
static int thread_count(const char *field, const char *end) {
    for (int number = 3; number < 20; number++) {
        while (field < end && *field != ' ') field++;
        field++;
    }
    int count = 0;
    while (field < end && *field >= '0' && *field <= '9') count = count * 10 + (*field++ - '0');
    return count;
}

// Processes of this namespace that are not dead, except the init and the (unreaped) leader.
static uint32_t count_survivors(int proc, pid_t leader) {
    char buffer[4096];
    uint32_t alive = 0;
    lseek(proc, 0, SEEK_SET);
    for (;;) {
        ssize_t filled = cage_read_directory(proc, buffer, sizeof buffer);
        if (filled <= 0) return alive;
        size_t position = 0;
        for (const char *name; (name = cage_next_entry(buffer, (size_t)filled, &position));) {
            pid_t pid = 0;
            size_t length = 0;
            while (name[length] >= '0' && name[length] <= '9') pid = pid * 10 + (name[length++] - '0');
            if (length == 0 || name[length] != 0 || pid == 1 || pid == leader) continue;
            char path[24];
            memcpy(path, name, length);
            memcpy(path + length, "/stat", 6);
            int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
            if (fd < 0) continue;
            char stat[256];
            ssize_t count = read(fd, stat, sizeof stat - 1);
            close(fd);
            // The state letter follows the last ')' of a name the process may have chosen itself.
            for (ssize_t i = count - 1; i > 0; i--) {
                if (stat[i] != ')') continue;
                char state = i + 2 < count ? stat[i + 2] : 'Z';
                if (state != 'Z' && state != 'X') alive++;
                // A process whose first thread has left shows as a zombie while its other threads run.
                else if (state == 'Z' && thread_count(stat + i + 2, stat + count) > 1) alive++;
                break;
            }
        }
    }
}

// Dead children other than the leader; the leader stays a zombie until the namespace ends, so that its pid and group
// cannot be taken by anybody while the shepherd still signals them.
static void reap_others(pid_t leader) {
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 || info.si_pid == leader) return;
        waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
    }
}

// From here on the init only watches: no capability, and no descriptor but these.
static void let_go(const int *kept, size_t count) {
    unsigned first = 0;
    while (true) {
        unsigned next = ~0u;
        for (size_t i = 0; i < count; i++)
            if (kept[i] >= (int)first && (unsigned)kept[i] < next) next = (unsigned)kept[i];
        if (next > first) syscall(SYS_close_range, first, next == ~0u ? next : next - 1, 0u);
        if (next == ~0u) break;
        first = next + 1;
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    syscall(SYS_capset, &header, none);
}

static int watch_children(void) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

static _Noreturn void watch(
    const struct cage_order *order, const struct cage_ends *ends, pid_t leader, int proc, int signals) {
    // Without a PID namespace, which only a probe of single layers leaves out, there is nobody but the leader to wait for.
    const bool answers_for_all = order->namespaces & CLONE_NEWPID;
    struct pollfd polls[3] = {
        {.fd = signals, .events = POLLIN},
        {.fd = ends->lifeline, .events = POLLIN},
        {.fd = order->supervisor_lifeline, .events = 0},
    };
    bool leader_gone = false;
    uint64_t orphaned_until = 0;
    for (;;) {
        // Once the leader is gone, emptiness has to be looked for: a survivor's parent may be another survivor.
        int timeout = leader_gone ? 20 : orphaned_until ? 100 : -1;
        if (poll(polls, 3, timeout) < 0 && errno != EINTR) _exit(0);
        if (polls[1].revents) _exit(0);
        if (polls[2].revents) {
            // The shepherd acts on this first; we only make sure that a stopped shepherd does not free the tree.
            polls[2].fd = -1;
            uint64_t now = cage_boottime();
            orphaned_until = order->orphan_wait < UINT64_MAX - now ? now + order->orphan_wait : UINT64_MAX;
        }
        if (orphaned_until && cage_boottime() >= orphaned_until) _exit(0);
        struct signalfd_siginfo drained;
        while (read(signals, &drained, sizeof drained) > 0) {}
        if (!leader_gone) {
            reap_others(leader);
            siginfo_t info = {0};
            if (waitid(P_PID, (id_t)leader, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != leader) continue;
            leader_gone = true;
            uint32_t survivors = answers_for_all ? count_survivors(proc, leader) : 0;
            if (survivors > 0) {
                // The rest of a pipeline dies a moment after its leader; that is no straggler.
                struct timespec moment = {.tv_nsec = 10000000};
                nanosleep(&moment, NULL);
                survivors = count_survivors(proc, leader);
            }
            struct cage_message message = {
                .kind = CAGE_MESSAGE_EXITED, .index = (uint32_t)info.si_code, .value = info.si_status, .count = survivors};
            cage_tell(ends, &message, -1);
        }
        if (!answers_for_all || count_survivors(proc, leader) == 0) _exit(0);
    }
}

_Noreturn void cage_init(struct cage_order *order, const struct cage_ends *ends, bool privileged) {
    cage_tie_to_shepherd(ends);
    cage_await(ends, 'g');
    // By itself, and as a thread: only that goes without the lock that waits for a grace period of the kernel, which costs 12 ms
    // (cgroup_procs_write_start, kernel/cgroup/cgroup.c).
    for (size_t i = 0; i < order->controller_count; i++)
        if (write(order->controllers[i], "0", 1) != 1) cage_fail(ends, CAGE_STAGE_CGROUP, i, false);
    take_identity(order, ends, privileged);

    int listeners[CAGE_MAX_LISTENERS];
    for (size_t i = 0; i < CAGE_MAX_LISTENERS; i++) listeners[i] = -1;
    open_network(order, ends, listeners);
    if ((order->namespaces & CLONE_NEWUTS) && sethostname(order->hostname, strlen(order->hostname)) < 0)
        cage_fail(ends, CAGE_STAGE_HOSTNAME, 0, false);

    if (order->namespaces & CLONE_NEWNS) cage_build_mounts(order, ends, privileged, listeners);
    const bool own_pid_max = limit_namespaces(order, ends);

    for (size_t i = 0; i < order->listener_count; i++) {
        if (listeners[i] < 0) continue;
        if (order->handoff < 0 || cage_send_descriptor(order->handoff, listeners[i], 'L') < 0)
            cage_fail(ends, CAGE_STAGE_HANDOFF, i, false);
        close(listeners[i]);
    }

    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0) cage_fail(ends, CAGE_STAGE_MOUNT, order->mount_count, false);
    struct cage_message built = {
        .kind = CAGE_MESSAGE_BUILT, .index = own_pid_max ? 0 : 1, .value = read_pid_max()};
    if (cage_tell(ends, &built, proc) < 0) _exit(125);

    // Before the fork: a child that dies at once must not be missed.
    int signals = watch_children();
    if (signals < 0) cage_fail(ends, CAGE_STAGE_FORK, 1, false);
    int pidfd = -1;
    pid_t leader = cage_clone(0, &pidfd, -1);
    if (leader == 0) cage_worker(order, ends);
    if (leader < 0) cage_fail(ends, CAGE_STAGE_FORK, 0, false);

    const int kept[] = {order->supervisor_lifeline, ends->lifeline, ends->control, proc, signals};
    let_go(kept, sizeof kept / sizeof *kept);
    watch(order, ends, leader, proc, signals);
}
