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
        var rest: [Substring] = []
        var components = path.split(separator: "/")
        while true {
            let existing = "/" + components.joined(separator: "/")
            if let real = resolve(existing) {
                return ([real == "/" ? "" : real] + rest.map(String.init)).joined(separator: "/")
            }
            guard let last = components.popLast() else { return path }
            rest.insert(last, at: 0)
        }
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
