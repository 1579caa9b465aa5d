// The battery: small attacks on a cage, one table per topic, one line of result each (main.c says how it is called).
//
// Nothing here does harm even where it succeeds: what must not be written is opened, what must not happen is asked for with arguments that
// the kernel refuses after it has looked at the permission, no address but TEST-NET is contacted, and a probe that would reach something of
// the host gives up by itself when the namespace it needs is the host's own.
#ifndef BATTERY_H
#define BATTERY_H

#include <errno.h>
#include <stddef.h>

// What a probe returns: 0 when the attack worked, an errno when it was refused, or one of these.
enum {
    // Not tried: it would harm this machine, because the namespace it needs is the host's own.
    UNSAFE = -1,
    // A process was left behind; the attack has worked if it is still there when the task has ended.
    PLANTED = -2,
    // Not tried: the caller gave no such target, or this machine has none.
    NOTHING = -3,
};

// Where the same attack must work, so that its failure in a cage means something.
enum control { NOWHERE, BARE, ROOT, NAMESPACES };

// `reached` of a call that gets past every wall and then fails for its arguments: whatever is no refusal.
enum { ANY_ERROR = -1 };

struct call {
    int given;
    long number;
    unsigned long arguments[6];
};

struct probe {
    const char *name;
    // Row of the attack table in the design study, A1 to F74.
    const char *row;
    enum control control;
    // Mechanisms each of which stops it alone, the first to meet first: `seccomp pidns`. docs/hostile.md explains the words.
    const char *walls;
    const char *tries;
    // The only answers that count as refusal, where the design names them: `denied ENOSYS`.
    const char *answers;
    // Of these the first that is given is what is done: a function, a path that is opened, a call.
    int (*body)(void);
    const char *path;
    int flags;
    struct call call;
    // The errno that means the call got through, besides 0.
    int reached;
    // Fills its cage: nothing else can be tried at the same time.
    int alone;
};

struct topic {
    const char *name;
    const struct probe *probes;
    size_t count;
};

#define PROBE(function, row_, control_, walls_, tries_, ...)                                                                             \
    {.name = #function, .body = function, .row = row_, .control = control_, .walls = walls_, .tries = tries_, ##__VA_ARGS__}
#define OPENS(name_, row_, control_, walls_, tries_, path_, flags_, ...)                                                                  \
    {.name = #name_, .path = path_, .flags = flags_, .row = row_, .control = control_, .walls = walls_, .tries = tries_, ##__VA_ARGS__}
#define CALLS(name_, row_, control_, walls_, tries_, call_, ...)                                                                          \
    {.name = #name_, call_, .row = row_, .control = control_, .walls = walls_, .tries = tries_, ##__VA_ARGS__}
#define CALL(number_, ...) .call = {1, number_, {__VA_ARGS__}}
#define TOPIC(name_) const struct topic name_##_topic = {#name_, name_##_probes, sizeof name_##_probes / sizeof *name_##_probes}
#define HIGH (1UL << 32)

extern const struct topic processes_topic, outliving_topic, mounts_topic, namespaces_topic, kernel_topic, filter_topic, privileges_topic,
    limits_topic, files_topic, writing_topic, proc_topic, devices_topic, sockets_topic, network_topic, gateway_topic;

// context.c: what the caller says about the world outside, as KEY=VALUE.
const char *context(const char *key);
long context_number(const char *key);
// Whether our namespace of this kind is another one than the host's; false when the caller did not say which that is.
int own(const char *kind);
// `@KEY/rest` with the caller's value, anything else as it is; NULL when the caller gave none.
const char *resolved(const char *path);

static inline int as_errno(long result) { return result >= 0 ? 0 : errno; }
int opens(const char *path, int flags);
long kernel(const struct call *call);

// outliving.c: which planted processes are still there, by the lock each holds on the battery's own file; kills them if asked.
int survivors(int killing);
// The first process of a planted shape: this program again, with nothing in its environment.
int nameless_leaf(long place);

#endif
