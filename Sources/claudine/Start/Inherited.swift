import Glibc

/// What a process has from whoever started it, and what keeps it from harming us.
enum Inherited {
    static func tame() {
        // A reader that goes away is seen as EPIPE where it matters; it must not end a supervisor.
        signal(SIGPIPE, SIG_IGN)
        // Nor must a file size limit of the caller's.
        signal(SIGXFSZ, SIG_IGN)
        if !isIgnored(SIGQUIT) {
            // Swift's runtime has its own idea: a helper that writes a backtrace, holds our stdout and stderr, and stays for ever when
            // a second signal comes before it is done.
            signal(SIGQUIT, SIG_DFL)
        }
        // What takes away our own rights would lock us out of the directories that we make, and a worker out of its cage.
        umask(umask(0) & ~mode_t(S_IRWXU))
    }

    /// As for what a shell runs in the background without job control.
    private static func isIgnored(_ number: Int32) -> Bool {
        var current = sigaction()
        sigaction(number, nil, &current)
        // SIG_IGN is the address 1 (<bits/signum-generic.h>); it is a macro that is not imported.
        return unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self) == 1
    }
}
