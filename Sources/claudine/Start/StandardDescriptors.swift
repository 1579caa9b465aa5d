import Glibc

/// Sees to it that 0, 1 and 2 are open, so that no file of ours becomes somebody's standard output.
enum StandardDescriptors {
    static func open() {
        for wanted in STDIN_FILENO...STDERR_FILENO where fcntl(wanted, F_GETFD) < 0 && errno == EBADF {
            // The lowest free number is the one that is missing, for those below it are open by now.
            _ = Glibc.open("/dev/null", wanted == STDIN_FILENO ? O_RDONLY : O_WRONLY)
        }
    }
}
