/// `/etc/passwd` and `/etc/group` as they are in the cage: the host's, with the worker as `agent`.
package enum AccountFiles {
    package static func passwdFile(hostText: String, uid: UInt32, gid: UInt32) -> String {
        let entry = "\(CagePaths.user):x:\(uid):\(gid):agent:\(CagePaths.home):/bin/bash"
        return file(entry, hostText)
    }

    package static func groupFile(hostText: String, uid: UInt32, gid: UInt32) -> String {
        file("\(CagePaths.user):x:\(gid):", hostText)
    }

    /// First in the file, so that a look-up of the number finds this name and no other.
    private static func file(_ entry: String, _ hostText: String) -> String {
        let others = hostText.split(separator: "\n").filter { line in
            line.contains(":") && line.prefix { $0 != ":" } != CagePaths.user
        }
        return ([Substring(entry)] + others).joined(separator: "\n") + "\n"
    }
}
