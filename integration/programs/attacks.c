// Attacks on a cage, one line of result each.
//
//     attacks HOST-PID-NAMESPACE HOST-NET-NAMESPACE NAME…
//
// Prints "NAME worked" when the attack succeeded, "NAME denied ERRNO", "NAME killed SIGNAL", or "NAME unsafe" for one that would
// harm this machine because the namespace it needs is the host's own: such an attack is never tried outside a cage.
// Whatever an attack needs is harmless even if it succeeds: nothing is written, no address but TEST-NET is contacted.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIGH (1UL << 32)

static const char *host_pid_namespace, *host_net_namespace;

// Attacks return 0 when they worked, else an errno; UNSAFE when they must not be tried here.
enum { UNSAFE = -1 };

static int as_errno(long result) { return result >= 0 ? 0 : errno; }

static int same_namespace(const char *kind, const char *host) {
    char path[64], name[64] = "";
    snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    return readlink(path, name, sizeof name - 1) <= 0 || strcmp(name, host) == 0;
}

static int on_host_pids(void) { return same_namespace("pid", host_pid_namespace); }
static int on_host_net(void) { return same_namespace("net", host_net_namespace); }

static int opens(const char *path, int flags) {
    int file = open(path, flags | O_CLOEXEC);
    if (file < 0) return errno;
    close(file);
    return 0;
}

// MARK: other processes

static int ptrace_parent(void) { return as_errno(ptrace(PTRACE_SEIZE, getppid(), 0, 0)); }
static int ptrace_traceme(void) { return as_errno(ptrace(PTRACE_TRACEME, 0, 0, 0)); }
static int ptrace_init(void) { return on_host_pids() ? UNSAFE : as_errno(ptrace(PTRACE_SEIZE, 1, 0, 0)); }

static char target[16] = "attackable";

static int read_parent_memory(void) {
    char buffer[16];
    struct iovec local = {buffer, sizeof buffer}, remote = {target, sizeof target};
    return as_errno(process_vm_readv(getppid(), &local, 1, &remote, 1, 0));
}

static int write_parent_memory(void) {
    struct iovec local = {target, sizeof target}, remote = {target, sizeof target};
    return as_errno(process_vm_writev(getppid(), &local, 1, &remote, 1, 0));
}

static int steal_descriptor(void) {
    int pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
    if (pidfd < 0) return errno;
    return as_errno(syscall(SYS_pidfd_getfd, pidfd, 1, 0));
}

static int compare_processes(void) { return as_errno(syscall(SYS_kcmp, getpid(), getppid(), 2, 0, 0)); }
static int init_environment(void) { return opens("/proc/1/environ", O_RDONLY); }
static int init_memory(void) { return opens("/proc/1/mem", O_RDWR); }
static int init_root(void) { return opens("/proc/1/root", O_RDONLY); }
static int init_cwd(void) { return opens("/proc/1/cwd", O_RDONLY); }
static int init_descriptors(void) { return opens("/proc/1/fd", O_RDONLY | O_DIRECTORY); }

// The kernel takes the signal and drops it: what counts is whether the first process is still there.
static int kill_init(void) {
    if (on_host_pids()) return UNSAFE;
    kill(1, SIGKILL);
    kill(1, SIGSTOP);
    usleep(50000);
    return access("/proc/1", F_OK) == 0 ? EPERM : 0;
}

// Reaches everything visible; the harness watches canaries outside. Works always, so it says nothing by itself.
static int kill_everything(void) {
    if (on_host_pids()) return UNSAFE;
    if (fork() == 0) {
        kill(-1, SIGKILL);
        _exit(0);
    }
    // To be there when it comes: kill(2) spares only its caller.
    sleep(10);
    return 0;
}

// MARK: mounts and namespaces

static int mount_tmpfs(void) { return as_errno(mount("none", "/tmp", "tmpfs", 0, "")); }
static int remount_root(void) { return as_errno(mount("none", "/", NULL, MS_REMOUNT | MS_BIND, NULL)); }
static int unmount_proc(void) { return as_errno(umount2("/proc", MNT_DETACH)); }
static int clone_tree(void) { return as_errno(syscall(SYS_open_tree, AT_FDCWD, "/", 1 | AT_RECURSIVE)); }
static int new_filesystem(void) { return as_errno(syscall(SYS_fsopen, "tmpfs", 0)); }
static int change_root(void) { return as_errno(chroot("/")); }
static int pivot(void) { return as_errno(syscall(SYS_pivot_root, "/", "/")) == EPERM ? EPERM : 0; }
static int unshare_user(void) { return as_errno(unshare(CLONE_NEWUSER)); }
static int unshare_user_mount(void) { return as_errno(unshare(CLONE_NEWUSER | CLONE_NEWNS)); }
static int unshare_net(void) { return as_errno(unshare(CLONE_NEWUSER | CLONE_NEWNET)); }

static int clone_user(unsigned long flags) {
    long pid = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) _exit(0);
    return as_errno(pid);
}

static int clone_newuser(void) { return clone_user(CLONE_NEWUSER); }
static int clone_newuser_high(void) { return clone_user(CLONE_NEWUSER | HIGH); }

static int clone3_newuser(void) {
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) _exit(0);
    return as_errno(pid);
}

static int join(const char *path) {
    int space = open(path, O_RDONLY | O_CLOEXEC);
    return space < 0 ? errno : as_errno(setns(space, 0));
}

static int join_init_net(void) { return join("/proc/1/ns/net"); }
static int join_init_mount(void) { return join("/proc/1/ns/mnt"); }
static int join_own_uts(void) { return join("/proc/self/ns/uts"); }

// MARK: the kernel's surface

static int keyring(void) { return as_errno(syscall(SYS_keyctl, 1, NULL)); }
static int add_key_to_session(void) { return as_errno(syscall(SYS_add_key, "user", "attack", "x", 1UL, -3)); }
static int request_a_key(void) { return as_errno(syscall(SYS_request_key, "user", "attack", NULL, -3)) == ENOKEY ? 0 : errno; }

static int bpf_map(void) {
    union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return as_errno(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

static int io_uring(void) {
    struct io_uring_params parameters = {0};
    return as_errno(syscall(SYS_io_uring_setup, 4, &parameters));
}

static int perf(void) {
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1, .exclude_hv = 1};
    return as_errno(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

static int fault_handler(void) { return as_errno(syscall(SYS_userfaultfd, O_CLOEXEC | 1)); }
static int fanotify(void) { return as_errno(syscall(SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY)); }
static int ldt(void) { return as_errno(syscall(SYS_modify_ldt, 0, target, 0)); }
static int no_randomisation(void) { return as_errno(personality(ADDR_NO_RANDOMIZE)); }
static int executable_data(void) { return as_errno(personality(READ_IMPLIES_EXEC)); }
static int all_io_ports(void) { return as_errno(syscall(SYS_iopl, 3)); }
static int io_port(void) { return as_errno(syscall(SYS_ioperm, 0x80, 1, 1)); }
static int kernel_log(void) { return as_errno(syscall(SYS_syslog, 10, NULL, 0)); }
static int host_name(void) { return as_errno(sethostname("attack", 6)); }
// Arguments that make these fail even for somebody who may: only "not permitted" or "no such call" is a refusal.
static int reboots(void) { return as_errno(syscall(SYS_reboot, 0, 0, 0, 0)) == EINVAL ? 0 : errno; }
static int loads_module(void) { return as_errno(syscall(SYS_init_module, NULL, 0UL, "")) != EPERM && errno != ENOSYS ? 0 : errno; }
static int loads_kernel(void) { return as_errno(syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0xffUL)) != EPERM && errno != ENOSYS ? 0 : errno; }
static int swaps(void) { return as_errno(syscall(SYS_swapon, "/nowhere", 0)) != EPERM && errno != ENOSYS ? 0 : errno; }
static int accounts(void) { return as_errno(syscall(SYS_acct, "/nowhere")) != EPERM && errno != ENOSYS ? 0 : errno; }
static int sets_time(void) { return as_errno(syscall(SYS_settimeofday, NULL, NULL)); }
static int unknown_call(void) { return as_errno(syscall(999)); }

static int file_handle(void) {
    struct {
        struct file_handle handle;
        unsigned char bytes[128];
    } space = {.handle = {.handle_bytes = 128}};
    int mount_id;
    if (name_to_handle_at(AT_FDCWD, "/", &space.handle, &mount_id, 0) != 0 && errno != EOPNOTSUPP) return errno;
    int root = open("/", O_RDONLY | O_DIRECTORY);
    return as_errno(open_by_handle_at(root, &space.handle, O_RDONLY)) == ESTALE ? 0 : errno;
}

#if defined(__x86_64__)
static int foreign_32(void) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
    return result > 0 ? 0 : (int)-result;
}

static int foreign_x32(void) { return as_errno(syscall(0x40000000 | SYS_getpid)); }
#endif

// MARK: privileges

static int no_capability_left(void) {
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    if (status == NULL) return 0;
    int gained = 0;
    while (fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "Cap", 3) == 0 && strtoull(line + 8, NULL, 16) != 0) gained = 1;
        if (strncmp(line, "NoNewPrivs:", 11) == 0 && atoi(line + 11) != 1) gained = 1;
        if (strncmp(line, "Seccomp:", 8) == 0 && atoi(line + 8) != 2) gained = 1;
    }
    fclose(status);
    return gained ? 0 : EPERM;
}

// Every way back up that a process has without a helper; then what is left of the attempt.
static int regain(void) {
    if (setuid(0) == 0 && getuid() == 0) return 0;
    if (setresuid(0, 0, 0) == 0) return 0;
    gid_t none = 0;
    if (syscall(SYS_setgroups, 1UL, &none) == 0) return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0) return 0;
    if (prctl(PR_SET_SECUREBITS, 0) == 0) return 0;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0) == 0) return 0;
    return no_capability_left();
}

static int raise_core_limit(void) {
    struct rlimit limit = {1 << 20, 1 << 20};
    return as_errno(setrlimit(RLIMIT_CORE, &limit));
}

static int raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return errno;
    limit.rlim_max += 1;
    return as_errno(setrlimit(RLIMIT_NOFILE, &limit));
}

static int raise_priority(void) { return as_errno(setpriority(PRIO_PROCESS, 0, -20)); }

static int real_time(void) {
    struct sched_param parameters = {.sched_priority = 1};
    return as_errno(sched_setscheduler(0, SCHED_FIFO, &parameters));
}

static int lock_memory(void) {
    void *block = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return as_errno(mlock(block, 64 << 20));
}

static int spared_by_oom(void) {
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    return file < 0 ? errno : as_errno(write(file, "-1000", 5));
}

static int map_root(void) {
    int file = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    return file < 0 ? errno : as_errno(write(file, "0 0 1", 5));
}

static int device_node(void) {
    int made = mknod("attack-device", S_IFCHR | 0666, (dev_t)0x103);
    if (made != 0) return errno;
    int worked = opens("attack-device", O_RDONLY);
    unlink("attack-device");
    return worked;
}

// A file that is set-uid to whoever owns the workspace outside would be a way out for the next person who runs it.
static int setuid_file(void) {
    int file = open("attack-setuid", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    if (file < 0) return errno;
    int changed = fchmod(file, 06755);
    int error = errno;
    struct stat facts = {0};
    fstat(file, &facts);
    close(file);
    unlink("attack-setuid");
    if (changed != 0) return error;
    return facts.st_mode & 06000 ? 0 : EPERM;
}

static int setuid_made(int file) {
    if (file < 0) return errno;
    struct stat facts = {0};
    fstat(file, &facts);
    close(file);
    unlink("attack-setuid");
    return facts.st_mode & 06000 ? 0 : EPERM;
}

static int setuid_by_open(void) { return setuid_made(open("attack-setuid", O_CREAT | O_WRONLY | O_CLOEXEC, 06755)); }

static int setuid_by_openat2(void) {
    struct open_how how = {.flags = O_CREAT | O_WRONLY | O_CLOEXEC, .mode = 06755};
    return setuid_made((int)syscall(SYS_openat2, AT_FDCWD, "attack-setuid", &how, sizeof how));
}

static int setuid_by_mknod(void) {
    if (mknod("attack-setuid", S_IFREG | 06755, 0) != 0) return errno;
    return setuid_made(open("attack-setuid", O_RDONLY | O_CLOEXEC));
}

// Opened, never written: opening is permission enough to know.
static int core_pattern(void) { return opens("/proc/sys/kernel/core_pattern", O_WRONLY); }
static int modprobe(void) { return opens("/proc/sys/kernel/modprobe", O_WRONLY); }
static int pid_max(void) { return opens("/proc/sys/kernel/pid_max", O_WRONLY); }
static int namespace_count(void) { return opens("/proc/sys/user/max_user_namespaces", O_WRONLY); }
static int sysrq(void) { return access("/proc/sysrq-trigger", W_OK) == 0 ? 0 : errno; }
static int uevent_helper(void) { return opens("/sys/kernel/uevent_helper", O_WRONLY); }
static int release_agent(void) { return opens("/sys/fs/cgroup/pids/release_agent", O_WRONLY); }
static int kernel_memory(void) { return opens("/proc/kcore", O_RDONLY); }
static int device_memory(void) { return opens("/dev/mem", O_RDONLY); }
static int device_log(void) { return opens("/dev/kmsg", O_RDONLY); }
static int device_fuse(void) { return opens("/dev/fuse", O_RDWR); }
static int device_console(void) { return opens("/dev/console", O_RDWR); }
static int device_terminal(void) { return opens("/dev/tty", O_RDWR); }

// MARK: the terminal

static int inject(unsigned long request) {
    static const int candidates[] = {0, 1, 2};
    char byte = 'Z';
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal >= 0 && syscall(SYS_ioctl, terminal, request, &byte) == 0) return 0;
    for (size_t index = 0; index < 3; index++) {
        if (syscall(SYS_ioctl, candidates[index], request, &byte) == 0) return 0;
    }
    return errno;
}

static int type_for_user(void) { return inject(TIOCSTI); }
static int type_for_user_high(void) { return inject(TIOCSTI | HIGH); }
static int console_selection(void) {
    char code = 3;
    return as_errno(ioctl(0, 0x541C, &code));
}

// The same request on a terminal of our own, where nothing but a filter can refuse it.
static int type_into(unsigned long request) {
    int leader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (leader < 0 || grantpt(leader) != 0 || unlockpt(leader) != 0) return errno;
    const char *name = ptsname(leader);
    if (name == NULL) return errno;
    setsid();
    int terminal = open(name, O_RDWR | O_CLOEXEC);
    if (terminal < 0) return errno;
    char byte = 'Z';
    return as_errno(syscall(SYS_ioctl, terminal, request, &byte));
}

static int type_own_terminal(void) { return type_into(TIOCSTI); }
static int type_own_terminal_high(void) { return type_into(TIOCSTI | HIGH); }

// MARK: sockets

static int makes(unsigned long family, int type, int protocol) {
    long made = syscall(SYS_socket, family, type | SOCK_CLOEXEC, protocol);
    if (made < 0) return errno;
    close((int)made);
    return 0;
}

static int socket_packet(void) { return makes(AF_PACKET, SOCK_RAW, 0); }
static int socket_raw(void) { return makes(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static int socket_vsock(void) { return makes(AF_VSOCK, SOCK_STREAM, 0); }
static int socket_vsock_high(void) { return makes(AF_VSOCK | HIGH, SOCK_STREAM, 0); }
static int socket_crypto(void) { return makes(AF_ALG, SOCK_SEQPACKET, 0); }
static int socket_crypto_high(void) { return makes(AF_ALG | HIGH, SOCK_SEQPACKET, 0); }
static int socket_xdp(void) { return makes(AF_XDP, SOCK_RAW, 0); }
static int socket_audit(void) { return makes(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT); }
static int socket_netfilter(void) { return makes(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER); }
static int socket_bluetooth(void) { return makes(AF_BLUETOOTH, SOCK_RAW, 1); }

static int outside_tcp(void) {
    if (on_host_net()) return UNSAFE;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0xC0000201)};
    int link = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link < 0) return errno;
    int error = as_errno(connect(link, (struct sockaddr *)&address, sizeof address));
    return error == EINPROGRESS ? 0 : error;
}

static int outside_udp(void) {
    if (on_host_net()) return UNSAFE;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0xC0000201)};
    int link = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (link < 0) return errno;
    return as_errno(sendto(link, "x", 1, 0, (struct sockaddr *)&address, sizeof address));
}

static int other_interfaces(void) {
    struct if_nameindex *names = if_nameindex();
    if (names == NULL) return errno;
    int found = 0;
    for (struct if_nameindex *name = names; name->if_name != NULL; name++) found |= strcmp(name->if_name, "lo") != 0;
    if_freenameindex(names);
    return found ? 0 : ENODEV;
}

// MARK: too many of everything

// Refuses to start unless the namespace itself has a small bound: the test must not depend on the mechanism that it tests.
static int bounded(void) {
    FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
    int bound = 1 << 30;
    if (file == NULL || fscanf(file, "%d", &bound) != 1) bound = 1 << 30;
    if (file != NULL) fclose(file);
    return !on_host_pids() && bound <= 4096;
}

// Long enough for the harness to count.
static int full(int error) {
    usleep(500000);
    return error;
}

static int fork_bomb(void) {
    if (!bounded()) return UNSAFE;
    for (int made = 0; made < 8192; made++) {
        pid_t pid = fork();
        if (pid < 0) return full(errno);
        if (pid == 0) {
            for (;;) pause();
        }
    }
    return 0;
}

static void *sit(void *nothing) {
    for (;;) pause();
    return nothing;
}

static int thread_bomb(void) {
    if (!bounded()) return UNSAFE;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 32768);
    for (int made = 0; made < 8192; made++) {
        pthread_t thread;
        int error = pthread_create(&thread, &small, sit, NULL);
        if (error != 0) return full(error);
    }
    return 0;
}

#define ATTACK(function) {#function, function}

static const struct {
    const char *name;
    int (*body)(void);
} attacks[] = {
    ATTACK(ptrace_parent), ATTACK(ptrace_traceme), ATTACK(ptrace_init), ATTACK(read_parent_memory), ATTACK(write_parent_memory),
    ATTACK(steal_descriptor), ATTACK(compare_processes), ATTACK(init_environment), ATTACK(init_memory), ATTACK(init_root),
    ATTACK(init_cwd), ATTACK(init_descriptors), ATTACK(kill_init), ATTACK(kill_everything), ATTACK(mount_tmpfs),
    ATTACK(remount_root), ATTACK(unmount_proc), ATTACK(clone_tree), ATTACK(new_filesystem), ATTACK(change_root), ATTACK(pivot),
    ATTACK(unshare_user), ATTACK(unshare_user_mount), ATTACK(unshare_net), ATTACK(clone_newuser), ATTACK(clone_newuser_high),
    ATTACK(clone3_newuser), ATTACK(join_init_net), ATTACK(join_init_mount), ATTACK(join_own_uts), ATTACK(keyring),
    ATTACK(add_key_to_session), ATTACK(request_a_key), ATTACK(bpf_map), ATTACK(io_uring), ATTACK(perf), ATTACK(fault_handler),
    ATTACK(fanotify), ATTACK(ldt), ATTACK(no_randomisation), ATTACK(executable_data), ATTACK(all_io_ports), ATTACK(io_port),
    ATTACK(kernel_log), ATTACK(host_name), ATTACK(reboots), ATTACK(loads_module), ATTACK(loads_kernel), ATTACK(swaps),
    ATTACK(accounts), ATTACK(sets_time), ATTACK(unknown_call), ATTACK(file_handle),
#if defined(__x86_64__)
    ATTACK(foreign_32), ATTACK(foreign_x32),
#endif
    ATTACK(no_capability_left), ATTACK(regain), ATTACK(raise_core_limit), ATTACK(raise_file_limit), ATTACK(raise_priority),
    ATTACK(real_time), ATTACK(lock_memory), ATTACK(spared_by_oom), ATTACK(map_root), ATTACK(device_node), ATTACK(setuid_file), ATTACK(setuid_by_open),
    ATTACK(setuid_by_openat2), ATTACK(setuid_by_mknod),
    ATTACK(core_pattern), ATTACK(modprobe), ATTACK(pid_max), ATTACK(namespace_count), ATTACK(sysrq), ATTACK(uevent_helper),
    ATTACK(release_agent), ATTACK(kernel_memory), ATTACK(device_memory), ATTACK(device_log), ATTACK(device_fuse),
    ATTACK(device_console), ATTACK(device_terminal), ATTACK(type_for_user), ATTACK(type_for_user_high), ATTACK(console_selection),
    ATTACK(type_own_terminal), ATTACK(type_own_terminal_high), ATTACK(socket_packet), ATTACK(socket_raw), ATTACK(socket_vsock),
    ATTACK(socket_vsock_high), ATTACK(socket_crypto), ATTACK(socket_crypto_high), ATTACK(socket_xdp), ATTACK(socket_audit),
    ATTACK(socket_netfilter), ATTACK(socket_bluetooth), ATTACK(outside_tcp), ATTACK(outside_udp), ATTACK(other_interfaces),
    ATTACK(fork_bomb), ATTACK(thread_bomb),
};

static int (*find(const char *name))(void) {
    for (size_t index = 0; index < sizeof attacks / sizeof *attacks; index++) {
        if (strcmp(attacks[index].name, name) == 0) return attacks[index].body;
    }
    return NULL;
}

// A process of its own for each, so that a deadly answer is an answer too. The result travels in the exit code.
static void attempt(const char *name) {
    int (*body)(void) = find(name);
    if (body == NULL) {
        printf("%s missing\n", name);
        return;
    }
    int results[2];
    if (pipe2(results, O_CLOEXEC) != 0) {
        printf("%s missing\n", name);
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        int result = body();
        if (write(results[1], &result, sizeof result) != sizeof result) _exit(1);
        _exit(0);
    }
    close(results[1]);
    int result = 0, status = 0;
    ssize_t got = pid < 0 ? -1 : read(results[0], &result, sizeof result);
    if (pid > 0) waitpid(pid, &status, 0);
    close(results[0]);
    if (got != sizeof result && WIFSIGNALED(status)) {
        printf("%s killed %s\n", name, sigabbrev_np(WTERMSIG(status)));
    } else if (got != sizeof result) {
        printf("%s missing\n", name);
    } else if (result == UNSAFE) {
        printf("%s unsafe\n", name);
    } else if (result == 0) {
        printf("%s worked\n", name);
    } else {
        printf("%s denied %s\n", name, strerrorname_np(result));
    }
    fflush(stdout);
}

int main(int count, char **arguments) {
    if (count < 3) return 64;
    host_pid_namespace = arguments[1];
    host_net_namespace = arguments[2];
    for (int index = 3; index < count; index++) attempt(arguments[index]);
    return 0;
}
