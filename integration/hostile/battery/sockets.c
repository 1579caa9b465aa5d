// Kinds of sockets that a coding tool has no use for: each leads to another part of the kernel.
#include "battery.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// Every family but those that programs need: local, IPv4, IPv6 and routing; and those that have a probe of their own.
static int rare_family(void) {
    for (int family = 0; family < 48; family++) {
        if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
        if (family == AF_PACKET || family == AF_VSOCK || family == AF_ALG || family == AF_XDP || family == AF_BLUETOOTH) continue;
        for (int type = SOCK_STREAM; type <= SOCK_PACKET; type++) {
            int made = socket(family, type | SOCK_CLOEXEC, 0);
            if (made >= 0) return 0;
        }
    }
    return EAFNOSUPPORT;
}

#define SOCKET(name, row, control, walls, tries, family, type, protocol) \
    CALLS(name, row, control, walls, tries, CALL(SYS_socket, family, (type) | SOCK_CLOEXEC, protocol))
#define PRIVILEGED "seccomp caps"

static const struct probe sockets_probes[] = {
    SOCKET(socket_packet, "D46", NAMESPACES, PRIVILEGED, "see every packet", AF_PACKET, SOCK_RAW, 0),
    SOCKET(socket_packet_high, "D42", NAMESPACES, PRIVILEGED, "the same with bits above the 32 that count", AF_PACKET | HIGH, SOCK_RAW, 0),
    SOCKET(socket_raw, "D46", NAMESPACES, PRIVILEGED, "make packets of its own (IPv4)", AF_INET, SOCK_RAW, IPPROTO_ICMP),
    SOCKET(socket_raw6, "D46", NAMESPACES, PRIVILEGED, "make packets of its own (IPv6)", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6),
    SOCKET(socket_vsock, "D46", BARE, "seccomp", "talk to the hypervisor", AF_VSOCK, SOCK_STREAM, 0),
    SOCKET(socket_vsock_high, "D42", BARE, "seccomp", "the same with bits above the 32 that count", AF_VSOCK | HIGH, SOCK_STREAM, 0),
    SOCKET(socket_crypto, "D46", BARE, "seccomp", "use the kernel's ciphers", AF_ALG, SOCK_SEQPACKET, 0),
    SOCKET(socket_crypto_high, "D42", BARE, "seccomp", "the same with bits above the 32 that count", AF_ALG | HIGH, SOCK_SEQPACKET, 0),
    SOCKET(socket_xdp, "D46", ROOT, PRIVILEGED, "take packets past the network stack", AF_XDP, SOCK_RAW, 0),
    SOCKET(socket_bluetooth, "D46", BARE, "seccomp", "use Bluetooth", AF_BLUETOOTH, SOCK_RAW, 1),
    SOCKET(socket_audit, "D46", BARE, "seccomp", "talk to the audit system", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT),
    SOCKET(socket_netfilter, "D46", BARE, "seccomp", "talk to the packet filter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER),
    SOCKET(socket_devices, "D46", BARE, "seccomp", "hear of devices", AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT),
    SOCKET(socket_generic, "D46", BARE, "seccomp", "talk to whatever a module has added", AF_NETLINK, SOCK_RAW, NETLINK_GENERIC),
    SOCKET(socket_xfrm, "D46", NAMESPACES, "seccomp", "talk to the kernel's IPsec", AF_NETLINK, SOCK_RAW, NETLINK_XFRM),
    SOCKET(socket_diagnosis, "D46", BARE, "seccomp", "list everybody's sockets", AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG),
    PROBE(rare_family, "D46", NOWHERE, "seccomp", "make a socket of any of forty rare kinds"),
};
TOPIC(sockets);
