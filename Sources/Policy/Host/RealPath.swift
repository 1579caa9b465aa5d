import Foundation

/// Paths as the kernel sees them, all links followed.
enum RealPath {
    /// realpath(3); nil with `errno` where it does not lead to anything, or where the result is not UTF-8.
    static func resolve(_ path: String) -> String? {
        guard !path.utf8.contains(0), let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(validatingCString: resolved)
    }

    /// Where a path leads as far as it exists, and the rest of it as it is written.
    static func place(_ path: String) -> String {
        var places = PathPlaces()
        return places.place(of: path)
    }

    /// The text of a symbolic link.
    static func linkText(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        return String(validating: buffer[..<count].lazy.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Whether `path` is `ancestor` or lies below it; both canonical.
    static func isPath(_ path: String, within ancestor: String) -> Bool {
        ancestor == "/" || path == ancestor || path.hasPrefix(ancestor + "/")
    }
}

/// Where many paths lead at one moment: what several of them begin with is looked at once.
struct PathPlaces {
    private typealias Place = (path: String, exists: Bool)

    private var known: [String: Place] = [:]

    static func places(of paths: [String]) -> [String] {
        var found = PathPlaces()
        return paths.map { found.place(of: $0) }
    }

    /// As `RealPath.place`.
    mutating func place(of path: String) -> String {
        let place = find(path[...])
        return place.path.isEmpty ? "/" : place.path
    }

    private mutating func find(_ given: Substring) -> Place {
        let slash = UInt8(ascii: "/")
        guard let last = given.utf8.lastIndex(where: { $0 != slash }) else { return ("", true) }
        let path = given[..<given.utf8.index(after: last)]
        if let seen = known[String(path)] { return seen }
        let start = path.utf8.lastIndex(of: slash)
        let name = start.map { path[path.utf8.index(after: $0)...] } ?? path
        let parent = find(path[..<(start ?? path.startIndex)])
        let next = parent.path + "/" + name
        let place = parent.exists ? Self.look(at: next, isName: name != "." && name != "..") : (next, false)
        known[String(path)] = place
        return place
    }

    /// - Parameter isName: Whether the last component is no dots: it is somewhere else only when it is a link.
    private static func look(at path: String, isName: Bool) -> Place {
        var status = stat()
        guard !path.utf8.contains(0), lstat(path, &status) == 0 else { return (path, false) }
        if isName, status.st_mode & S_IFMT != S_IFLNK { return (path, true) }
        return RealPath.resolve(path).map { ($0 == "/" ? "" : $0, true) } ?? (path, false)
    }
}

/// The names in a directory.
enum DirectoryNames {
    /// All names but `.` and `..`; none where the directory cannot be read.
    static func list(_ path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(validating: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let name, name != ".", name != ".." else { continue }
            names.append(name)
        }
        return names
    }
}
