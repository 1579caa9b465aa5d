// What plants a process that is to outlive its task, and what finds it.
#ifndef LEAVES_H
#define LEAVES_H

#include <fcntl.h>

enum { LEAVES = 14 };

// Does not return: becomes the process, or starts it and ends.
struct leaf {
    const char *name;
    void (*body)(void);
};

extern const struct leaf leaves[];
// Where a leaf says that it is up: the writing end is the second one.
extern int ready[2];
// Which byte it locks: its number in `leaves`.
extern long place;

struct flock byte_at(long position, short type);

#endif
