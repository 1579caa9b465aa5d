// Devices, and the terminal of whoever started us.
#include "battery.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

static int block_device(void) {
    static const char *const disks[] = {"/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/xvda", "/dev/mmcblk0", "/dev/dm-0", "/dev/loop0"};
    int error = ENOENT;
    for (size_t index = 0; index < sizeof disks / sizeof *disks; index++) {
        int one = opens(disks[index], O_RDONLY);
        if (one == 0) return 0;
        if (one != ENOENT) error = one;
    }
    return error;
}

// MARK: the caller's terminal

static int inject(unsigned long request) {
    char byte = 'Z';
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal >= 0 && syscall(SYS_ioctl, terminal, request, &byte) == 0) return 0;
    for (int file = 0; file < 3; file++) {
        if (syscall(SYS_ioctl, file, request, &byte) == 0) return 0;
    }
    return errno;
}

static int type_for_user(void) { return inject(TIOCSTI); }
static int type_for_user_high(void) { return inject(TIOCSTI | HIGH); }

static int paste_for_user(void) {
    char code = 3;
    return as_errno(ioctl(0, 0x541C, &code));
}

// The same request on a terminal of our own, where nothing but a filter can refuse it.
static int type_into(unsigned long request) {
    int leader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (leader < 0 || grantpt(leader) != 0 || unlockpt(leader) != 0) return errno;
    char name[64];
    if (ptsname_r(leader, name, sizeof name) != 0) return errno;
    setsid();
    int terminal = open(name, O_RDWR | O_CLOEXEC);
    if (terminal < 0) return errno;
    char byte = 'Z';
    return as_errno(syscall(SYS_ioctl, terminal, request, &byte));
}

static int type_own_terminal(void) { return type_into(TIOCSTI); }
static int type_own_terminal_high(void) { return type_into(TIOCSTI | HIGH); }

#define DEVICE(name, tries, path, flags) OPENS(name, "D47", ROOT, "mountns uid", tries, path, flags)

static const struct probe devices_probes[] = {
    DEVICE(physical_memory, "open the machine's memory", "/dev/mem", O_RDONLY),
    DEVICE(log_device, "open the kernel's log device", "/dev/kmsg", O_WRONLY),
    DEVICE(user_filesystem, "serve a file system of its own", "/dev/fuse", O_RDWR),
    DEVICE(virtual_machine, "run a virtual machine", "/dev/kvm", O_RDWR),
    DEVICE(tunnel, "make a network interface", "/dev/net/tun", O_RDWR),
    DEVICE(loop_control, "make a disk of a file", "/dev/loop-control", O_RDWR),
    DEVICE(input_device, "type on the machine's keyboard", "/dev/uinput", O_WRONLY),
    DEVICE(io_ports, "open the machine's I/O ports", "/dev/port", O_RDWR),
    DEVICE(clock_device, "open the hardware clock", "/dev/rtc0", O_RDONLY),
    DEVICE(watchdog, "open the machine's watchdog", "/dev/watchdog0", O_RDONLY | O_PATH),
    DEVICE(device_mapper, "map disks", "/dev/mapper/control", O_RDWR),
    DEVICE(console, "open the console", "/dev/console", O_RDWR),
    PROBE(block_device, "D47", ROOT, "mountns uid", "open a disk"),
    OPENS(own_terminal, "D47", NOWHERE, "session", "open the caller's terminal", "/dev/tty", O_RDWR),
    PROBE(type_for_user, "D47", NOWHERE, "seccomp session", "type into the caller's terminal", CALL(SYS_ioctl, 0, TIOCSTI)),
    PROBE(type_for_user_high, "D42", NOWHERE, "seccomp session", "the same with bits above the 32 that count", CALL(SYS_ioctl, 0, TIOCSTI | HIGH)),
    PROBE(paste_for_user, "D47", NOWHERE, "seccomp session", "paste into the caller's console", CALL(SYS_ioctl, 0, 0x541C)),
    PROBE(type_own_terminal, "D47", BARE, "seccomp", "type into a terminal of its own", CALL(SYS_ioctl, 0, TIOCSTI)),
    PROBE(type_own_terminal_high, "D42", BARE, "seccomp", "the same with bits above the 32 that count",
          CALL(SYS_ioctl, 0, TIOCSTI | HIGH)),
};
TOPIC(devices);
