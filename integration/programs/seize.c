// Seizes processes as a debugger does and keeps them until it ends: a zombie among them is not reaped by its parent meanwhile.
//
//     seize PID …
//
// Prints a line when it has them all.
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>

int main(int count, char **words) {
    for (int i = 1; i < count; i++) {
        if (ptrace(PTRACE_SEIZE, atoi(words[i]), NULL, NULL) != 0) {
            perror(words[i]);
            return 1;
        }
    }
    puts("seized");
    fflush(stdout);
    for (;;) pause();
}
