/// One attempt's own part of its cage: who, where, and with which files of the host.
package struct CageRequest: Equatable, Sendable {
    /// Canonical, as `WorkspaceCheck` gives it.
    package var workspace: String
    /// The task's private HOME on the host; appears as `/home/agent`.
    package var home: String
    /// Generated account files on the host (see `AccountFiles`).
    package var passwd: String
    package var group: String
    /// Never 0.
    package var workerUid: UInt32
    package var workerGid: UInt32
    /// Never visible inside.
    package var stateDirectory: String
    /// Canonical files and directories of the agent's program, shown read-only wherever they lie.
    package var programs: [String]
    /// Whether this attempt has a gateway; a plain command needs none.
    package var gateway: Bool
    package var hostname = "claudine"

    package init(
        workspace: String, home: String, passwd: String, group: String, workerUid: UInt32, workerGid: UInt32,
        stateDirectory: String, programs: [String] = [], gateway: Bool = true
    ) {
        self.workspace = workspace
        self.home = home
        self.passwd = passwd
        self.group = group
        self.workerUid = workerUid
        self.workerGid = workerGid
        self.stateDirectory = stateDirectory
        self.programs = programs
        self.gateway = gateway
    }

    /// The same with Claudine's own paths as the kernel sees them, for what is hidden is compared by path.
    var canonical: CageRequest {
        func real(_ path: String) -> String { RealPath.resolve(path) ?? path }
        var request = self
        request.stateDirectory = real(stateDirectory)
        request.home = real(home)
        request.passwd = real(passwd)
        request.group = real(group)
        return request
    }
}

/// Fixed places and names inside every cage.
package enum CagePaths {
    package static let user = "agent"
    package static let home = "/home/agent"
    package static let runtime = "/run/claudine"
    package static let gatewaySocket = "/run/claudine/api.sock"
    package static let temporary = "/tmp"
}
