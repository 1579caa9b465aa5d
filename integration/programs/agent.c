// An agent whose whole life is written on its command line, for scenarios that have to know what it will do.
//
//     agent WORD [ARGUMENT]…
//
// say TEXT, print N, complain N     a line; N bytes of the pattern to stdout, to stderr
// flood                             the pattern until somebody ends it
// rubbish                           every kind of invalid UTF-8, one byte a write
// emoji N                           N characters of four bytes, in pieces of three bytes
// sleep MS                          milliseconds
// begin FILE                        a line of its own in FILE: how often was it started?
// ready FILE, await FILE            makes FILE; waits for it, a minute at most
// deaf                              ignores TERM, INT and HUP
// close FD                          closes a descriptor
// spawn KIND                        a process that stays: group, session, daemon, clean, holder
// drip MS N                         N bytes, one every MS milliseconds
// storm N                           forks what re-sessions and ignores TERM, N at a time at most
// die SIGNAL, exit CODE             the end; without either it exits with 0
//
// The pattern's byte at offset o is 'a' + o % 26, but a newline where o % 64 is 63. Whatever it starts ends by itself after a minute.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIFE = 60, BLOCK = 64 * 26 * 32 };

static void fail(const char *what) {
    dprintf(2, "agent: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static void nap(long milliseconds) {
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

static void put(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t done = write(fd, bytes, count);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) fail("write");
        bytes += done;
        count -= (size_t)done;
    }
}

// From the offset where the last one stopped, for each of the two streams.
static void pattern(int fd, unsigned long long count) {
    static char block[BLOCK];
    static unsigned long long offsets[3];
    if (block[0] == 0) {
        for (int place = 0; place < BLOCK; place++) block[place] = place % 64 == 63 ? '\n' : (char)('a' + place % 26);
    }
    while (count > 0) {
        unsigned long long from = offsets[fd] % BLOCK;
        unsigned long long piece = BLOCK - from < count ? BLOCK - from : count;
        put(fd, block + from, piece);
        offsets[fd] += piece;
        count -= piece;
    }
}

static void deaf(void) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

// Not by an alarm, which somebody could clear: it counts its own seconds.
static void linger(void) __attribute__((noreturn));
static void linger(void) {
    for (int second = 0; second < LIFE; second++) nap(1000);
    _exit(0);
}

static void spawn(const char *kind) {
    int up[2];
    char byte = 0;
    if (pipe(up) != 0) fail("pipe");
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child > 0) {
        close(up[1]);
        if (read(up[0], &byte, 1) != 1) fail("spawn");
        close(up[0]);
        return;
    }
    close(up[0]);
    deaf();
    if (strcmp(kind, "group") != 0) setsid();
    if (strcmp(kind, "daemon") == 0 || strcmp(kind, "clean") == 0) {
        if (fork() != 0) _exit(0);
    }
    if (strcmp(kind, "holder") != 0) {
        close(0);
        close(1);
        close(2);
    }
    put(up[1], &byte, 1);
    close(up[1]);
    if (strcmp(kind, "clean") == 0) {
        char *const arguments[] = {"sleep", "60", NULL}, *const nothing[] = {NULL};
        execve("/bin/sleep", arguments, nothing);
    }
    linger();
}

// Each new one is the parent of the next, so that no list of children is ever complete. The leader goes on with its words.
static void storm(long most) {
    for (long alive = 0; alive < most; alive++) {
        pid_t child = fork();
        if (child > 0 && alive == 0) return;
        if (child < 0) break;
        if (child > 0) linger();
        setsid();
        deaf();
    }
    linger();
}

static void rubbish(void) {
    static const char bytes[] = "\x80 \xff\xfe \xc0\xaf \xe2\x82 \xed\xa0\x80 \xf0\x9f\x98 \xf8\x88\x80\x80\x80 ok\xe2\x82\xac\n";
    for (size_t place = 0; place + 1 < sizeof bytes; place++) put(1, bytes + place, 1);
}

static void emoji(long count) {
    static const char one[] = "\xf0\x9f\xa6\x8a";
    for (long place = 0; place < count * 4; place += 3) {
        char piece[3];
        int size = 0;
        for (; size < 3 && place + size < count * 4; size++) piece[size] = one[(place + size) % 4];
        put(1, piece, (size_t)size);
    }
}

// One write, so that two that were started do not mix.
static void begin(const char *path) {
    char line[64];
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) fail(path);
    const char *nonce = getenv("CLAUDINE_NONCE");
    put(file, line, (size_t)snprintf(line, sizeof line, "%s\n", nonce ? nonce : "none"));
    close(file);
}

static void await(const char *path) {
    for (int tries = 0; tries < LIFE * 100 && access(path, F_OK) != 0; tries++) nap(10);
}

int main(int count, char **words) {
    for (int place = 1; place < count; place++) {
        const char *word = words[place];
        if (strcmp(word, "flood") == 0) {
            for (;;) pattern(1, 1 << 20);
        } else if (strcmp(word, "rubbish") == 0) {
            rubbish();
            continue;
        } else if (strcmp(word, "deaf") == 0) {
            deaf();
            continue;
        }
        if (place + 1 >= count) fail(word);
        const char *argument = words[++place];
        long number = atol(argument);
        if (strcmp(word, "say") == 0) {
            put(1, argument, strlen(argument));
            put(1, "\n", 1);
        } else if (strcmp(word, "print") == 0) {
            pattern(1, strtoull(argument, NULL, 10));
        } else if (strcmp(word, "complain") == 0) {
            pattern(2, strtoull(argument, NULL, 10));
        } else if (strcmp(word, "emoji") == 0) {
            emoji(number);
        } else if (strcmp(word, "sleep") == 0) {
            nap(number);
        } else if (strcmp(word, "begin") == 0) {
            begin(argument);
        } else if (strcmp(word, "ready") == 0) {
            close(open(argument, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        } else if (strcmp(word, "await") == 0) {
            await(argument);
        } else if (strcmp(word, "close") == 0) {
            close((int)number);
        } else if (strcmp(word, "spawn") == 0) {
            spawn(argument);
        } else if (strcmp(word, "drip") == 0) {
            if (++place >= count) fail(word);
            for (long left = atol(words[place]); left > 0; left--) {
                put(1, ".", 1);
                nap(number);
            }
        } else if (strcmp(word, "storm") == 0) {
            storm(number);
        } else if (strcmp(word, "die") == 0) {
            signal((int)number, SIG_DFL);
            raise((int)number);
        } else if (strcmp(word, "exit") == 0) {
            return (int)number;
        } else {
            errno = EINVAL;
            fail(word);
        }
    }
    return 0;
}
