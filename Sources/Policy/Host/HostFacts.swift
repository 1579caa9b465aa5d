import CSeccomp
import Foundation

/// What compiling a policy has to know of this machine; gathered once, so that compiling is a function of its arguments.
package struct HostFacts: Equatable, Sendable {
    /// Something directly below `/`.
    package enum Entry: Equatable, Sendable {
        case directory
        /// A symbolic link with its text.
        case link(String)
    }

    /// 0 where the kernel has no Landlock or it is not switched on.
    package var landlockABI: Int
    /// The caller's real home, canonical; nil where there is none, or where it is `/`.
    package var home: String?
    /// Directories and links directly below `/`, by name.
    package var top: [String: Entry]
    /// Directories with the private things of users and services, canonical, each once: they are covered.
    package var privateDirectories: [String]
    /// Where `/etc/resolv.conf` leads.
    package var resolver: String?
    /// Private keys of the ssh server.
    package var hostKeys: [String]
    /// Hard limits of this process by `RLIMIT_*`; nobody inside may have more.
    package var hardLimits: [UInt32: UInt64]

    package init(
        landlockABI: Int, home: String?, top: [String: Entry], privateDirectories: [String],
        resolver: String?, hostKeys: [String], hardLimits: [UInt32: UInt64]
    ) {
        self.landlockABI = landlockABI
        self.home = home
        self.top = top
        self.privateDirectories = privateDirectories
        self.resolver = resolver
        self.hostKeys = hostKeys
        self.hardLimits = hardLimits
    }

    /// Temporary files, run-time files, homes and mounted media.
    package static let privatePlaces = ["/tmp", "/var/tmp", "/run", "/home", "/root", "/mnt", "/media", "/srv"]

    /// The facts of the running machine; `home` is the caller's `HOME`.
    package static func current(home: String?) -> HostFacts {
        let canonical = home.flatMap(RealPath.resolve)
        var places: [String] = []
        for place in privatePlaces.compactMap(RealPath.resolve) where !places.contains(place) && place != "/" {
            places.append(place)
        }
        let abi = claudine_landlock_abi()
        return HostFacts(
            landlockABI: abi > 0 ? abi : 0, home: canonical == "/" ? nil : canonical, top: topLevel(),
            privateDirectories: places, resolver: RealPath.resolve("/etc/resolv.conf"), hostKeys: sshHostKeys(),
            hardLimits: ownHardLimits())
    }

    private static func topLevel() -> [String: Entry] {
        var top: [String: Entry] = [:]
        for name in DirectoryNames.list("/") {
            var status = stat()
            guard lstat("/" + name, &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR: top[name] = .directory
            case S_IFLNK: top[name] = RealPath.linkText("/" + name).map(Entry.link)
            default: continue
            }
        }
        return top
    }

    private static func sshHostKeys() -> [String] {
        DirectoryNames.list("/etc/ssh").filter { $0.hasSuffix("key") }.sorted().map { "/etc/ssh/" + $0 }
    }

    private static func ownHardLimits() -> [UInt32: UInt64] {
        var limits: [UInt32: UInt64] = [:]
        for resource in ResourceName.all {
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(resource), &limit) == 0 else { continue }
            limits[resource] = UInt64(limit.rlim_max)
        }
        return limits
    }
}
