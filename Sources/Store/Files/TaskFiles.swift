import Glibc

/// The files of one task: its private home and what its attempts wrote.
package enum TaskFiles {
    /// Deletes all of them; what is not there is no error. Symlinks are deleted, never followed.
    ///
    /// An agent may have nested directories deeper than descriptors or stack reach, so nothing here recurses: a directory
    /// that is found inside another is moved up to the top first.
    package static func remove(_ id: TaskID, _ paths: StatePaths) throws(StoreError) {
        let path = paths.task(id)
        let top = open(path, directoryFlags)
        guard top >= 0 else {
            if errno == ENOENT { return }
            throw failure(path)
        }
        defer { close(top) }
        var pending = try entries(top, path)
        var moved = 0
        while let name = pending.popLast() {
            if try deleteFile(name, in: top, path) { continue }
            let directory = try openDirectory(name, in: top, path)
            defer { close(directory) }
            for child in try entries(directory, path) where try !deleteFile(child, in: directory, path) {
                pending.append(try moveUp(child, from: directory, to: top, &moved, path))
            }
            guard unlinkat(top, name, AT_REMOVEDIR) == 0 else { throw failure(path) }
        }
        guard rmdir(path) == 0 || errno == ENOENT else { throw failure(path) }
    }

    /// A file's name as the kernel has it: bytes with a zero at the end, not always UTF-8.
    private typealias Name = [CChar]

    private static let directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC

    /// False when it is a directory.
    private static func deleteFile(_ name: Name, in directory: Int32, _ path: String) throws(StoreError) -> Bool {
        if unlinkat(directory, name, 0) == 0 || errno == ENOENT { return true }
        guard errno == EISDIR || errno == EPERM else { throw failure(path) }
        return false
    }

    /// The agent may have taken every permission from a directory of its own.
    private static func openDirectory(_ name: Name, in parent: Int32, _ path: String) throws(StoreError) -> Int32 {
        guard fchmodat(parent, name, 0o700, 0) == 0 else { throw failure(path) }
        let directory = openat(parent, name, directoryFlags)
        guard directory >= 0 else { throw failure(path) }
        return directory
    }

    /// Returns its new name.
    private static func moveUp(
        _ name: Name, from directory: Int32, to top: Int32, _ moved: inout Int, _ path: String
    ) throws(StoreError) -> Name {
        // Moving a directory changes its `..`, which takes the right to write to it.
        guard fchmodat(directory, name, 0o700, 0) == 0 else { throw failure(path) }
        while true {
            moved += 1
            let new = Name(".removing-\(moved)".utf8CString)
            if renameat(directory, name, top, new) == 0 { return new }
            // Left over by a removal that was cut off.
            guard errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR else { throw failure(path) }
        }
    }

    private static func entries(_ directory: Int32, _ path: String) throws(StoreError) -> [Name] {
        // The stream wants a descriptor of its own, which it closes.
        let copy = fcntl(directory, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0, let stream = fdopendir(copy) else { throw failure(path) }
        defer { closedir(stream) }
        var names: [Name] = []
        while let entry = readdir(stream) {
            let bytes = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                bytes.prefix { $0 != 0 }.map(CChar.init(bitPattern:))
            }
            if bytes != [dot] && bytes != [dot, dot] { names.append(bytes + [0]) }
        }
        return names
    }

    private static let dot = CChar(UInt8(ascii: "."))

    private static func failure(_ path: String) -> StoreError {
        StoreError(.io, "\(path) cannot be removed: \(String(cString: strerror(errno))).")
    }
}
