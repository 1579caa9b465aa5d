// Parts of the kernel that a coding tool has no use for: each is code that an attacker would otherwise reach.
#include "battery.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int add_key_to_session(void) { return as_errno(syscall(SYS_add_key, "user", "battery", "x", 1UL, -3)); }

static int request_a_key(void) {
    int error = as_errno(syscall(SYS_request_key, "user", "battery", NULL, -3));
    return error == ENOKEY ? 0 : error;
}

static int bpf_map(void) {
    union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return as_errno(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

static int bpf_program(void) {
    // r0 = 0; exit
    struct bpf_insn code[] = {{.code = 0xb7}, {.code = 0x95}};
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2};
    attributes.insns = (unsigned long)code;
    attributes.license = (unsigned long)"GPL";
    return as_errno(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes));
}

static int io_uring(void) {
    struct io_uring_params parameters = {0};
    return as_errno(syscall(SYS_io_uring_setup, 4, &parameters));
}

// A socket made by the ring's own thread, past any filter on socket(2).
static int io_uring_socket(void) {
    struct io_uring_params p = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
    if (ring < 0) return errno;
    size_t submitted = p.sq_off.array + p.sq_entries * sizeof(unsigned), completed = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    char *sq = mmap(NULL, submitted, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, completed, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
    struct io_uring_sqe *entry = mmap(NULL, sizeof *entry * p.sq_entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
    if (sq == MAP_FAILED || cq == MAP_FAILED || entry == MAP_FAILED) return errno;
    memset(entry, 0, sizeof *entry);
    // IORING_OP_SOCKET (Linux 5.19): the family is in fd, the type in off.
    entry->opcode = 45;
    entry->fd = AF_NETLINK;
    entry->off = SOCK_RAW;
    ((unsigned *)(sq + p.sq_off.array))[0] = 0;
    __atomic_store_n((unsigned *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return errno;
    int result = ((struct io_uring_cqe *)(cq + p.cq_off.cqes))[0].res;
    return result >= 0 ? 0 : -result;
}

static int perf(void) {
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1, .exclude_hv = 1};
    return as_errno(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

static int local_descriptors(void) {
    static char table[16];
    return as_errno(syscall(SYS_modify_ldt, 0, table, sizeof table));
}

static int give_pages(void) {
    static char page[4096] __attribute__((aligned(4096)));
    int ends[2];
    if (pipe(ends) != 0) return errno;
    struct iovec part = {page, sizeof page};
    return as_errno(syscall(SYS_vmsplice, ends[1], &part, 1, 1));
}

static int move_pages_of_memory(void) {
    static char page[4096] __attribute__((aligned(4096)));
    void *pages[] = {page};
    int status[1];
    *page = 1;
    return as_errno(syscall(SYS_move_pages, 0, 1, pages, NULL, status, 0));
}

static int place_memory(void) {
    void *block = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return as_errno(syscall(SYS_mbind, block, 4096, 0, NULL, 0, 0));
}

static int file_handle(void) {
    struct {
        struct file_handle handle;
        unsigned char bytes[128];
    } space = {.handle = {.handle_bytes = 128}};
    int mount_id;
    if (name_to_handle_at(AT_FDCWD, "/", &space.handle, &mount_id, 0) != 0 && errno != EOPNOTSUPP) return errno;
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = as_errno(open_by_handle_at(root, &space.handle, O_RDONLY));
    return error == ESTALE ? 0 : error;
}

// Reads the clock's state: asking is as far as it goes, and already more than a filter lets through.
static int adjust_clock(void) {
    struct timex state = {0};
    return as_errno(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &state)) > 0 ? errno : 0;
}

static int host_name(void) { return own("uts") ? as_errno(sethostname("battery", 7)) : UNSAFE; }
static int domain_name(void) { return own("uts") ? as_errno(setdomainname("battery", 7)) : UNSAFE; }

#define SECCOMP "seccomp"
#define PRIVILEGED "seccomp caps"

static const struct probe kernel_probes[] = {
    CALLS(keyring, "D38", BARE, SECCOMP, "make a session keyring", CALL(SYS_keyctl, 1)),
    CALLS(persistent_keyring, "D38", BARE, SECCOMP, "reach the caller's kept keys", CALL(SYS_keyctl, 22, (unsigned)-1, (unsigned)-2)),
    PROBE(add_key_to_session, "D38", BARE, SECCOMP, "put a key into a keyring", CALL(SYS_add_key)),
    PROBE(request_a_key, "D38", BARE, SECCOMP, "have the kernel ask for a key", CALL(SYS_request_key)),
    PROBE(bpf_map, "D38", ROOT, PRIVILEGED, "make a BPF map", CALL(SYS_bpf, BPF_MAP_CREATE)),
    PROBE(bpf_program, "D38", ROOT, PRIVILEGED, "load a BPF program", CALL(SYS_bpf, BPF_PROG_LOAD)),
    PROBE(io_uring, "D38", BARE, SECCOMP, "set up an io_uring", CALL(SYS_io_uring_setup, 4)),
    PROBE(io_uring_socket, "D39", BARE, SECCOMP, "make a socket past the filter by io_uring", CALL(SYS_io_uring_setup, 1)),
    PROBE(perf, "D38", BARE, SECCOMP, "count its own events", CALL(SYS_perf_event_open)),
    CALLS(fault_handler, "D38", BARE, SECCOMP, "handle page faults itself (userfaultfd)", CALL(SYS_userfaultfd, O_CLOEXEC | 1)),
    CALLS(watch_everything, "D44", BARE, SECCOMP, "watch files by fanotify", CALL(SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_REPORT_FID)),
    CALLS(secret_memory, "D38", BARE, SECCOMP, "have memory that nobody can inspect", CALL(SYS_memfd_secret)),
    PROBE(local_descriptors, "D44", BARE, SECCOMP, "read its segment descriptors (modify_ldt)", CALL(SYS_modify_ldt)),
    PROBE(give_pages, "D44", BARE, SECCOMP, "give its own pages to a pipe (vmsplice)", CALL(SYS_vmsplice)),
    PROBE(move_pages_of_memory, "D44", BARE, SECCOMP, "ask where its pages lie (move_pages)", CALL(SYS_move_pages)),
    PROBE(place_memory, "D44", BARE, SECCOMP, "choose where its pages lie (mbind)", CALL(SYS_mbind)),
    CALLS(no_randomisation, "D45", BARE, SECCOMP, "switch address randomisation off", CALL(SYS_personality, ADDR_NO_RANDOMIZE)),
    CALLS(executable_data, "D45", BARE, SECCOMP, "make all its data executable", CALL(SYS_personality, READ_IMPLIES_EXEC)),
    CALLS(other_personality, "D45", BARE, SECCOMP, "pass for a 32-bit program", CALL(SYS_personality, PER_LINUX32)),
#if defined(__x86_64__)
    CALLS(all_io_ports, "D44", NOWHERE, PRIVILEGED, "be let at every I/O port", CALL(SYS_iopl, 3)),
    CALLS(io_port, "D44", NOWHERE, PRIVILEGED, "be let at one I/O port", CALL(SYS_ioperm, 0x80, 1, 1)),
#endif
    CALLS(kernel_log, "D44", ROOT, PRIVILEGED, "read the kernel's log", CALL(SYS_syslog, 10)),
    PROBE(file_handle, "D44", ROOT, PRIVILEGED, "open a file by its number, past every path", CALL(SYS_open_by_handle_at)),
    PROBE(host_name, "D44", NAMESPACES, PRIVILEGED, "change the host name", CALL(SYS_sethostname)),
    PROBE(domain_name, "D44", NAMESPACES, PRIVILEGED, "change the domain name", CALL(SYS_setdomainname)),
    PROBE(adjust_clock, "D44", BARE, SECCOMP, "reach the clock's discipline", CALL(SYS_clock_adjtime)),
    // Arguments that make these fail even for somebody who may.
    CALLS(set_time, "D44", NOWHERE, PRIVILEGED, "set the time of day", CALL(SYS_settimeofday), .reached = EINVAL),
    CALLS(reboot_machine, "D44", ROOT, PRIVILEGED, "reboot", CALL(SYS_reboot), .reached = EINVAL),
    CALLS(load_module, "D44", ROOT, PRIVILEGED, "load a kernel module", CALL(SYS_init_module), .reached = ANY_ERROR),
    CALLS(load_module_file, "D44", ROOT, PRIVILEGED, "load a kernel module from a file", CALL(SYS_finit_module, -1UL, 0, -1UL),
          .reached = ANY_ERROR),
    CALLS(unload_module, "D44", ROOT, PRIVILEGED, "unload a kernel module", CALL(SYS_delete_module), .reached = ANY_ERROR),
    CALLS(load_kernel, "D44", ROOT, PRIVILEGED, "load another kernel", CALL(SYS_kexec_load, 0, 0, 0, 0xff), .reached = ANY_ERROR),
    CALLS(load_kernel_file, "D44", ROOT, PRIVILEGED, "load another kernel from a file", CALL(SYS_kexec_file_load, -1UL, -1UL, 0, 0, 0xff00),
          .reached = ANY_ERROR),
    CALLS(swap_on, "D44", ROOT, PRIVILEGED, "swap to a file", CALL(SYS_swapon), .reached = ANY_ERROR),
    CALLS(swap_off, "D44", ROOT, PRIVILEGED, "stop swapping", CALL(SYS_swapoff), .reached = ANY_ERROR),
    CALLS(account, "D44", ROOT, PRIVILEGED, "write process accounting", CALL(SYS_acct, 1), .reached = ANY_ERROR),
    CALLS(disk_quota, "D44", NOWHERE, SECCOMP, "change disk quotas", CALL(SYS_quotactl, 0x800002 << 8), .reached = ANY_ERROR),
    CALLS(hang_up, "D44", NOWHERE, PRIVILEGED, "hang up the terminal", CALL(SYS_vhangup)),
    CALLS(unknown_call, "D43", NOWHERE, "seccomp kernel", "make a call that does not exist", CALL(999), .answers = "denied ENOSYS"),
    CALLS(future_call, "D43", NOWHERE, "seccomp kernel", "make a call that a later kernel may have", CALL(700), .answers = "denied ENOSYS"),
};
TOPIC(kernel);
