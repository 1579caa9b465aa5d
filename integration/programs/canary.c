// A process that nobody has any business with. Every signal that can be held is, and its number is told as a byte on stdout.
//
//     canary            ends with whoever started it
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (write(1, "", 1) != 1) return 1;
    for (;;) {
        int number = sigwaitinfo(&all, NULL);
        char byte = (char)number;
        if (number > 0 && write(1, &byte, 1) != 1) return 1;
    }
}
