/// A program as it can be started inside the cage, and what of the host has to be visible for that.
package struct AgentExecutable: Equatable, Sendable {
    /// The absolute path to execute: every symbolic link resolved, the same inside the cage.
    package let path: String
    /// How argv begins: argv[0], and for a script the interpreter's argument and the script's path.
    package let prefix: [String]
    /// Absolute paths, files or directories, to bind read-only at the same place.
    package let visible: [String]
    /// What has to be written before it can be bound.
    package let files: [MaterialisedFile]

    /// A script that Claudine carries, run by an interpreter of the host.
    static func materialised(_ script: MaterialisedFile, interpreter: AgentExecutable) -> AgentExecutable {
        AgentExecutable(
            path: interpreter.path, prefix: interpreter.prefix + [script.path], visible: interpreter.visible,
            files: [script])
    }
}
