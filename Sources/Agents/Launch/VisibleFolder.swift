/// How much of the host a script may show: its package, never somebody's home or a whole part of the system.
struct VisibleFolder {
    let home: String

    /// Places whose contents are not one program's: of these only the file itself is shown.
    private static let shared: Set<String> = [
        "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root",
        "/run",
        "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin",
        "/usr/local/lib",
        "/usr/local/sbin", "/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/tmp",
    ]

    /// The nearest ancestor with a package.json, else the script's directory, else the script.
    func folder(of script: String) -> String {
        let own = Self.parent(script)
        var directory = own
        while !isShared(directory) {
            if HostFile.exists("\(directory)/package.json") { return directory }
            directory = Self.parent(directory)
        }
        return isShared(own) ? script : own
    }

    /// Would showing this whole folder show what is not the script's?
    func isShared(_ directory: String) -> Bool {
        guard !Self.shared.contains(directory) else { return true }
        guard let home = HostFile.resolved(home) else { return false }
        return home == directory || home.hasPrefix("\(directory)/")
    }

    static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
