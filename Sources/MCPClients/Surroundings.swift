import Glibc

/// What of this process decides where clients are configured.
package struct Surroundings: Sendable {
    private let environment: [String: String]
    private let directory: String

    /// - Parameter directory: the working directory, without symbolic links; empty when it is gone.
    package init(environment: [String: String], directory: String) {
        self.environment = environment
        self.directory = directory
    }

    var home: String {
        get throws(SetupError) {
            guard let home = environment["HOME"], home.hasPrefix("/") else {
                throw SetupError(
                    .unsupported, "HOME has to be set to an absolute path.", hint: "clients keep their files there")
            }
            return home.count > 1 && home.hasSuffix("/") ? String(home.dropLast()) : home
        }
    }

    /// The working directory, without a slash at its end.
    var project: String {
        get throws(SetupError) {
            guard directory.hasPrefix("/") else {
                throw SetupError(
                    .unsupported, "The current directory is not there any more.", hint: "go to the project")
            }
            return directory == "/" ? "" : directory
        }
    }

    /// The directory that a variable names, or one below the home.
    func directory(named variable: String, otherwise below: String) throws(SetupError) -> String {
        guard let directory = environment[variable], !directory.isEmpty else { return try home + below }
        guard directory.hasPrefix("/") else {
            throw SetupError(.unsupported, "\(variable) has to be an absolute path, not '\(directory)'.")
        }
        return directory
    }

    /// The directory with the repository in which the working directory is, of several working trees the main one; the working directory
    /// itself where there is no repository (gitrepository-layout(5), "commondir").
    var mainWorkingTree: String {
        get throws(SetupError) {
            var folder = try project
            while !Self.exists(folder + "/.git") {
                guard let slash = folder.lastIndex(of: "/") else { return directory }
                folder = String(folder[..<slash])
            }
            return Self.main(of: folder) ?? (folder.isEmpty ? "/" : folder)
        }
    }

    /// The main one of the repository that has this working tree; nil where it is no further one.
    private static func main(of folder: String) -> String? {
        guard let link = line(of: folder + "/.git"), link.hasPrefix("gitdir: "),
            let own = resolved(String(link.dropFirst(8)), from: folder), let common = line(of: own + "/commondir"),
            let repository = resolved(common, from: own), repository.hasSuffix("/.git")
        else { return nil }
        return String(repository.dropLast(5))
    }

    /// The first line of a small file; nil for anything else.
    private static func line(of path: String) -> String? {
        guard let bytes = try? ClientFile(path, mayBe: 4096).bytes else { return nil }
        return String(validating: bytes.prefix { $0 != 10 }, as: UTF8.self)
    }

    private static func resolved(_ path: String, from folder: String) -> String? {
        ClientFile.resolved(path.hasPrefix("/") ? path : folder + "/" + path)
    }

    func executable(_ name: String) -> String? {
        (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }
}
