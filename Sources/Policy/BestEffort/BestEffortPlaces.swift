/// Where the fixed places of a cage are when nothing can be mounted: directories of the attempt's own on the host.
package struct BestEffortPlaces: Equatable, Sendable {
    /// The task's private HOME.
    package var home: String
    /// Its temporary directory, TMPDIR.
    package var temporary: String
    /// Files that were written for the agent; readable.
    package var files: String
    /// The gateway's socket, in a directory that only this user may enter.
    package var socket: String

    /// - Parameters:
    ///   - home: of the task.
    ///   - attempt: the directory of the attempt.
    package init(home: String, attempt: String) {
        self.home = home
        temporary = "\(attempt)/\(Self.directories[0])"
        files = "\(attempt)/\(Self.directories[1])"
        socket = "\(attempt)/api.sock"
    }

    /// What has to be made in the attempt's directory.
    package static let directories = ["tmp", "files"]

    /// The longest path of a unix socket, bytes (unix(7): 108 with the final NUL).
    static let longestSocket = 107
}
