// Ways out to others: addresses, local sockets, shared memory. No address but TEST-NET (RFC 5737, RFC 3849), from our own namespace only.
#include "battery.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int reaches(int family, int type, const void *address, socklen_t length) {
    int link = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link < 0) return errno;
    int error = as_errno(connect(link, address, length));
    if (error == 0 && type == SOCK_DGRAM) error = as_errno(send(link, "x", 1, 0));
    close(link);
    return error == EINPROGRESS ? 0 : error;
}

static int reaches4(int type, uint32_t host, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};
    return reaches(AF_INET, type, &address, sizeof address);
}

static int reaches6(int type, const char *host, uint16_t port) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    inet_pton(AF_INET6, host, &address.sin6_addr);
    return reaches(AF_INET6, type, &address, sizeof address);
}

enum { TEST_NET = 0xC0000201 };

static int outside_tcp(void) { return own("net") ? reaches4(SOCK_STREAM, TEST_NET, 80) : UNSAFE; }
static int outside_udp(void) { return own("net") ? reaches4(SOCK_DGRAM, TEST_NET, 4433) : UNSAFE; }
static int outside_names(void) { return own("net") ? reaches4(SOCK_DGRAM, TEST_NET, 53) : UNSAFE; }
static int outside_tcp6(void) { return own("net") ? reaches6(SOCK_STREAM, "2001:db8::1", 80) : UNSAFE; }
static int outside_udp6(void) { return own("net") ? reaches6(SOCK_DGRAM, "2001:db8::1", 53) : UNSAFE; }

static int other_interface(void) {
    char names[4096] = "";
    FILE *file = fopen("/proc/net/dev", "re");
    if (file == NULL) return errno;
    int found = 0;
    while (fgets(names, sizeof names, file) != NULL) {
        char *colon = strchr(names, ':');
        if (colon == NULL) continue;
        *colon = 0;
        found |= strcmp(names + strspn(names, " "), "lo") != 0;
    }
    fclose(file);
    return found ? 0 : ENODEV;
}

// MARK: listeners of the host's

static int host_tcp(void) {
    long port = context_number("tcp");
    if (port <= 0) return NOTHING;
    // Loopback answers at once, so waiting costs nothing.
    int link = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return link < 0 ? errno : as_errno(connect(link, (struct sockaddr *)&address, sizeof address));
}

// A datagram to nobody is refused with the second one at the latest.
static int host_udp(void) {
    long port = context_number("udp");
    if (port <= 0) return NOTHING;
    int link = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (link < 0 || connect(link, (struct sockaddr *)&address, sizeof address) != 0) return errno;
    for (int round = 0; round < 3; round++) {
        if (send(link, "x", 1, 0) < 0) return errno;
        usleep(2000);
    }
    return 0;
}

static int local(const char *path, int abstract) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length + 2 > sizeof address.sun_path) return NOTHING;
    memcpy(address.sun_path + (abstract ? 1 : 0), path, length);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return reaches(AF_UNIX, SOCK_STREAM, &address, size);
}

static int host_named(void) {
    const char *path = context("named");
    return path == NULL ? NOTHING : local(path, 0);
}

static int host_abstract(void) {
    const char *name = context("abstract");
    return name == NULL ? NOTHING : local(name, 1);
}

static int first_of(const char *const *paths) {
    int error = ENOENT;
    for (; *paths != NULL; paths++) {
        int one = local(*paths, 0);
        if (one == 0) return 0;
        if (one != ENOENT) error = one;
    }
    return error;
}

static int container_daemon(void) {
    static const char *const paths[] = {"/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock",
                                        "/run/containerd/containerd.sock", "/run/crio/crio.sock", NULL};
    return first_of(paths);
}

static int service_manager(void) {
    static const char *const paths[] = {"/run/systemd/private", "/run/dbus/system_bus_socket", "/run/snapd.socket", NULL};
    return first_of(paths);
}

static int user_services(void) {
    char bus[64], manager[64], keys[64];
    snprintf(bus, sizeof bus, "/run/user/%u/bus", getuid());
    snprintf(manager, sizeof manager, "/run/user/%u/systemd/private", getuid());
    snprintf(keys, sizeof keys, "/run/user/%u/gnupg/S.gpg-agent", getuid());
    const char *paths[] = {bus, manager, keys, NULL};
    return first_of(paths);
}

static int display(void) {
    static const char *const paths[] = {"/tmp/.X11-unix/X0", "/tmp/.X11-unix/X1", NULL};
    return first_of(paths) == 0 || local("/tmp/.X11-unix/X0", 1) == 0 ? 0 : ENOENT;
}

static int terminal_server(void) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/tmux-%u/default", getuid());
    return local(path, 0);
}

static int key_agent(void) {
    const char *path = getenv("SSH_AUTH_SOCK");
    return path == NULL ? ENOENT : local(path, 0);
}

// MARK: shared memory

static int host_memory(void) {
    long id = context_number("shm");
    if (id < 0) return NOTHING;
    return shmat((int)id, NULL, SHM_RDONLY) == (void *)-1 ? errno : 0;
}

static int host_queue(void) {
    const char *name = context("queue");
    if (name == NULL) return NOTHING;
    return mq_open(name, O_RDONLY | O_NONBLOCK) == (mqd_t)-1 ? errno : 0;
}

#define NETWORK "netns"
#define LOCAL(name, tries) PROBE(name, "E59", NOWHERE, "mountns netns", tries)

static const struct probe network_probes[] = {
    PROBE(outside_tcp, "E54", NOWHERE, NETWORK, "connect to another machine"),
    PROBE(outside_udp, "E54", NOWHERE, NETWORK, "send a datagram to another machine"),
    PROBE(outside_names, "E55", NOWHERE, NETWORK, "ask a name server of its own"),
    PROBE(outside_tcp6, "E54", NOWHERE, NETWORK, "connect to another machine by IPv6"),
    PROBE(outside_udp6, "E55", NOWHERE, NETWORK, "ask a name server by IPv6"),
    PROBE(other_interface, "E54", BARE, NETWORK, "see a network interface"),
    PROBE(host_tcp, "E54", BARE, NETWORK, "connect to a server on the host's loopback"),
    PROBE(host_udp, "E54", BARE, NETWORK, "send to a server on the host's loopback"),
    PROBE(host_named, "E59", BARE, "mounts", "connect to a unix socket of the host", .path = "@named"),
    PROBE(host_abstract, "E59", BARE, "netns scope", "connect to an abstract unix socket of the host"),
    LOCAL(container_daemon, "have a container daemon do it"),
    LOCAL(service_manager, "have the system's service manager do it"),
    LOCAL(user_services, "have the user's service manager, bus or key agent do it"),
    LOCAL(display, "reach the display"),
    LOCAL(terminal_server, "hand work to a terminal server"),
    LOCAL(key_agent, "use the caller's ssh agent"),
    PROBE(host_memory, "B20", BARE, "ipcns", "attach shared memory of the host"),
    PROBE(host_queue, "B20", BARE, "ipcns", "open a message queue of the host"),
    OPENS(host_memory_file, "C32", BARE, "devices", "open a file in the host's /dev/shm", "@memory", O_RDONLY),
};
TOPIC(network);
