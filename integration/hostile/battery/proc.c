// Settings and memory of the kernel, as files: opened, never written. What may not be opened may not be written either.
#include "battery.h"

#include <fcntl.h>
#include <unistd.h>

// A change here would be a command run by the kernel; even opening it is left out.
static int sysrq(void) { return access("/proc/sysrq-trigger", W_OK) == 0 ? 0 : errno; }

#define WALLS "uid"
#define WRITES(name, tries, path) OPENS(name, "D49", ROOT, WALLS, tries, path, O_WRONLY)
#define READS(name, tries, path) OPENS(name, "D49", ROOT, WALLS, tries, path, O_RDONLY)
#define HARDWARE(name, tries, path) OPENS(name, "D49", ROOT, "mountns uid", tries, path, O_WRONLY)

static const struct probe proc_probes[] = {
    WRITES(core_pattern, "choose the program that gets core dumps", "/proc/sys/kernel/core_pattern"),
    WRITES(module_helper, "choose the program that loads modules", "/proc/sys/kernel/modprobe"),
    WRITES(hotplug_helper, "choose the program that handles devices", "/proc/sys/kernel/hotplug"),
    WRITES(more_processes, "raise the bound on process numbers", "/proc/sys/kernel/pid_max"),
    OPENS(more_namespaces, "D49", NAMESPACES, WALLS, "allow itself more namespaces", "/proc/sys/user/max_user_namespaces", O_WRONLY),
    WRITES(host_randomisation, "switch address randomisation off for all", "/proc/sys/kernel/randomize_va_space"),
    WRITES(tracing_rules, "loosen who may trace whom", "/proc/sys/kernel/perf_event_paranoid"),
    WRITES(panic_setting, "change what the machine does on a panic", "/proc/sys/kernel/panic"),
    WRITES(memory_setting, "change how memory is promised", "/proc/sys/vm/overcommit_memory"),
    WRITES(drop_caches, "throw the machine's caches away", "/proc/sys/vm/drop_caches"),
    WRITES(link_protection, "switch the protection of links off", "/proc/sys/fs/protected_symlinks"),
    WRITES(setuid_dumps, "let set-user-ID programs dump core", "/proc/sys/fs/suid_dumpable"),
    WRITES(file_formats, "register a file format with an interpreter", "/proc/sys/fs/binfmt_misc/register"),
    WRITES(forwarding, "forward packets", "/proc/sys/net/ipv4/ip_forward"),
    WRITES(low_ports, "open low ports to everybody", "/proc/sys/net/ipv4/ip_unprivileged_port_start"),
    WRITES(keyring_quota, "raise the quota of keys", "/proc/sys/kernel/keys/maxkeys"),
    PROBE(sysrq, "D49", ROOT, WALLS, "command the kernel by sysrq", .path = "/proc/sysrq-trigger", .flags = O_WRONLY),
    READS(kernel_memory, "read the kernel's memory", "/proc/kcore"),
    READS(page_counts, "read the state of every page", "/proc/kpageflags"),
    READS(slab_state, "read the kernel's allocations", "/proc/slabinfo"),
    OPENS(kernel_messages, "D49", ROOT, "caps", "read the kernel's messages", "/proc/kmsg", O_RDONLY),
    HARDWARE(device_helper, "choose the program that handles devices", "/sys/kernel/uevent_helper"),
    HARDWARE(release_agent, "choose the program run when a cgroup is empty", "/sys/fs/cgroup/pids/release_agent"),
    HARDWARE(leave_cgroup, "leave its cgroup", "/sys/fs/cgroup/cgroup.procs"),
    HARDWARE(leave_cgroup_v1, "leave its cgroup of version 1", "/sys/fs/cgroup/pids/cgroup.procs"),
    HARDWARE(power_state, "put the machine to sleep", "/sys/power/state"),
    HARDWARE(huge_pages, "change the machine's huge pages", "/sys/kernel/mm/transparent_hugepage/enabled"),
    OPENS(kernel_debug, "D49", NOWHERE, "mountns uid", "list the kernel's debugging files", "/sys/kernel/debug", O_RDONLY | O_DIRECTORY),
    OPENS(firmware, "D49", ROOT, "mountns", "list the firmware's tables", "/sys/firmware", O_RDONLY | O_DIRECTORY),
};
TOPIC(proc);
