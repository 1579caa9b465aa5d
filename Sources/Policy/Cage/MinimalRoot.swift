/// What `filesystem.root = "minimal"` leaves of the system: the distribution's own programs, and the configuration that
/// they cannot run without.
///
/// Found by running bash, git, Python, Node and the bundled agent with less and less.
enum MinimalRoot {
    /// Directories of `/` that `system-ro` has besides: configuration is shown file by file, and `/opt` not at all.
    static let leftOut = ["etc", "opt"]

    /// Installed by hand, not by the distribution.
    static let covered = ["/usr/local"]

    /// Below `/etc`: the dynamic linker's, look-ups of names, certificates, time, terminals and the choice of programs.
    static let configuration = [
        "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld-musl-x86_64.path", "ld-musl-aarch64.path", "nsswitch.conf",
        "host.conf", "hosts", "gai.conf", "protocols", "services", "ssl", "ca-certificates", "pki", "crypto-policies",
        "localtime", "timezone", "locale.alias", "locale.conf", "terminfo", "inputrc", "alternatives", "os-release",
        "mime.types", "magic",
    ]
}
