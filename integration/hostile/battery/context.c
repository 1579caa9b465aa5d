#include "battery.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **words;

const char *context(const char *key) {
    size_t length = strlen(key);
    for (char **word = words; *word != NULL; word++) {
        if (strncmp(*word, key, length) == 0 && (*word)[length] == '=' && (*word)[length + 1] != 0) return *word + length + 1;
    }
    return NULL;
}

long context_number(const char *key) {
    const char *value = context(key);
    return value == NULL ? -1 : atol(value);
}

int own(const char *kind) {
    char path[64], name[64] = "";
    const char *host = context(kind);
    snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
    return host != NULL && readlink(path, name, sizeof name - 1) > 0 && strcmp(name, host) != 0;
}

const char *resolved(const char *path) {
    static char text[4096];
    if (*path != '@') return path;
    char key[32];
    size_t length = strcspn(path + 1, "/");
    snprintf(key, sizeof key, "%.*s", (int)length, path + 1);
    const char *value = context(key);
    if (value == NULL) return NULL;
    snprintf(text, sizeof text, "%s%s", value, path + 1 + length);
    return text;
}

int opens(const char *path, int flags) {
    int file = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (file < 0) return errno;
    close(file);
    return 0;
}

long kernel(const struct call *call) {
    const unsigned long *a = call->arguments;
    return syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
