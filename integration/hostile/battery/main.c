// A battery of attacks on a cage.
//
//     claudine-battery [KEY=VALUE…] NAME…       tries each in a process of its own, one line of result each
//     claudine-battery --list [--json]          what there is
//     claudine-battery --survivors [--kill]     which planted processes are still alive; --kill ends them
//
// A line is "NAME worked", "NAME denied ERRNO", "NAME killed SIGNAL", "NAME planted" (see --survivors), "NAME unsafe" (it would harm this
// machine: never tried outside a cage) or "NAME nothing" (there is no such target). The keys say what the world outside is like:
//
//     pid= net= mnt= user= ipc= uts=    the host's namespaces, as in /proc/self/ns
//     canary= canaryname=               a process of the host's: its pid there, and its name
//     beside= secret=                   a directory and a file of the host's that no policy shows
//     home= state= workspace=           the caller's home, Claudine's state directory, the workspace
//     tcp= udp= named= abstract=        listeners of the host's: two ports on loopback, two unix sockets
//     isolate=yes                       the mounts of one probe are not to be seen by the next
//     shm= queue= memory=               System V shared memory, a message queue and a file in /dev/shm of the host's
#include "battery.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

char **words;

static const struct topic *const topics[] = {
    &processes_topic, &outliving_topic, &mounts_topic,  &namespaces_topic, &kernel_topic,  &filter_topic,  &privileges_topic, &limits_topic,
    &files_topic,     &writing_topic,   &proc_topic,    &devices_topic,    &sockets_topic, &network_topic, &gateway_topic,
};
enum { TOPICS = sizeof topics / sizeof *topics };

static const struct probe *find(const char *name) {
    for (size_t topic = 0; topic < TOPICS; topic++) {
        for (size_t index = 0; index < topics[topic]->count; index++) {
            if (strcmp(topics[topic]->probes[index].name, name) == 0) return &topics[topic]->probes[index];
        }
    }
    return NULL;
}

static int refused(int error) { return error == EPERM || error == ENOSYS || error == EACCES; }

static int result(const struct probe *probe) {
    if (probe->body != NULL) return probe->body();
    if (probe->path != NULL) {
        const char *path = resolved(probe->path);
        return path == NULL ? NOTHING : opens(path, probe->flags);
    }
    int error = as_errno(kernel(&probe->call));
    if (probe->reached == ANY_ERROR) return refused(error) ? error : 0;
    return error == probe->reached ? 0 : error;
}

// A process of its own for each, so that a deadly answer is an answer too.
static void attempt(const char *name) {
    const struct probe *probe = find(name);
    int results[2];
    if (probe == NULL || pipe2(results, O_CLOEXEC) != 0) {
        printf("%s missing\n", name);
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        if (context("isolate") != NULL && unshare(CLONE_NEWNS) != 0) _exit(1);
        int value = result(probe);
        if (write(results[1], &value, sizeof value) != sizeof value) _exit(1);
        _exit(0);
    }
    close(results[1]);
    int value = 0, status = 0;
    ssize_t got = pid < 0 ? -1 : read(results[0], &value, sizeof value);
    if (pid > 0) waitpid(pid, &status, 0);
    close(results[0]);
    if (got != sizeof value && pid > 0 && WIFSIGNALED(status)) {
        printf("%s killed %s\n", name, sigabbrev_np(WTERMSIG(status)));
    } else if (got != sizeof value) {
        printf("%s missing\n", name);
    } else if (value == UNSAFE || value == PLANTED || value == NOTHING) {
        printf("%s %s\n", name, value == UNSAFE ? "unsafe" : value == PLANTED ? "planted" : "nothing");
    } else if (value == 0) {
        printf("%s worked\n", name);
    } else {
        const char *error = strerrorname_np(value);
        printf("%s denied %s\n", name, error == NULL ? "UNKNOWN" : error);
    }
    fflush(stdout);
}

static const char *const controls[] = {"", "bare", "root", "namespaces"};

static void describe(const struct topic *topic, const struct probe *probe) {
    printf("{\"name\":\"%s\",\"row\":\"%s\",\"topic\":\"%s\",\"tries\":\"%s\",\"walls\":[", probe->name, probe->row, topic->name, probe->tries);
    char walls[128];
    snprintf(walls, sizeof walls, "%s", probe->walls);
    const char *comma = "";
    for (char *wall = strtok(walls, " "); wall != NULL; wall = strtok(NULL, " "), comma = ",") printf("%s\"%s\"", comma, wall);
    printf("],\"control\":\"%s\"", controls[probe->control]);
    if (probe->answers != NULL) printf(",\"answers\":\"%s\"", probe->answers);
    if (probe->path != NULL) {
        printf(",\"path\":\"%s\",\"writes\":%s", probe->path, (probe->flags & O_ACCMODE) == O_RDONLY ? "false" : "true");
    }
    if (probe->call.given) {
        printf(",\"call\":[%ld", probe->call.number);
        // As text: a number in JSON need not hold 64 bits. None of those here needs more than 53, but for the pointers, which say nothing.
        for (int index = 0; index < 6; index++) {
            unsigned long value = probe->call.arguments[index];
            printf(",%lu", value > HIGH << 16 ? 0UL : value);
        }
        printf("]");
    }
    printf(",\"alone\":%s}", probe->alone ? "true" : "false");
}

static void list(int as_json) {
    const char *before = "";
    if (as_json) printf("{\"probes\":[\n");
    for (size_t topic = 0; topic < TOPICS; topic++) {
        for (size_t index = 0; index < topics[topic]->count; index++, before = ",\n") {
            const struct probe *probe = &topics[topic]->probes[index];
            if (as_json) {
                fputs(before, stdout);
                describe(topics[topic], probe);
            } else {
                printf("%-4s %-11s %-28s %s\n", probe->row, topics[topic]->name, probe->name, probe->tries);
            }
        }
    }
    if (as_json) printf("\n]}\n");
}

int main(int count, char **arguments) {
    // Whoever starts us may have blocked signals: an alarm has to end what got away.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    words = arguments + count;
    if (count == 3 && strcmp(arguments[1], "--leaf") == 0) return nameless_leaf(atol(arguments[2]));
    if (count >= 2 && strcmp(arguments[1], "--list") == 0) {
        list(count == 3 && strcmp(arguments[2], "--json") == 0);
        return 0;
    }
    if (count >= 2 && strcmp(arguments[1], "--survivors") == 0) return survivors(count == 3 && strcmp(arguments[2], "--kill") == 0);
    words = arguments + 1;
    // Where the cage has put us already.
    if (context("workspace") != NULL && chdir(context("workspace")) != 0) return 66;
    int tried = 0;
    for (int index = 1; index < count; index++) {
        if (strchr(arguments[index], '=') != NULL) continue;
        attempt(arguments[index]);
        tried++;
    }
    if (tried == 0) fprintf(stderr, "usage: claudine-battery [KEY=VALUE…] NAME… | --list [--json] | --survivors [--kill]\n");
    return tried == 0 ? 64 : 0;
}
