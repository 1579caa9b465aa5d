import Glibc

/// A client's file as it is at a moment, and how another takes its place: whole or not at all.
struct ClientFile {
    /// The path that was asked for.
    let path: String
    /// The file itself, where the path leads over symbolic links.
    let target: String
    /// Nil where there is none yet.
    let bytes: [UInt8]?
    private let status: stat?

    /// 32 MiB; what clients write down for years comes to a few.
    static let most = 32 << 20

    init(_ path: String, mayBe most: Int = Self.most) throws(SetupError) {
        self.path = path
        guard Surroundings.exists(path) else {
            // The folder may be a link all the same.
            let folder = Self.folder(of: path)
            target = (Self.resolved(folder).map { $0 == "/" ? "" : $0 } ?? folder) + path.dropFirst(folder.count)
            (bytes, status) = (nil, nil)
            return
        }
        guard let target = Self.resolved(path) else { throw Self.error("cannot be found", path, errno) }
        self.target = target
        // O_NONBLOCK: a pipe without anybody at its other end would keep us.
        let descriptor = open(target, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { throw Self.error("cannot be read", path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.error("cannot be read", path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SetupError(.file, "\(path) is no regular file.", file: path)
        }
        guard status.st_size <= most else {
            throw SetupError(.file, "\(path) has more than \(most >> 20) MiB.", file: path)
        }
        self.status = status
        bytes = try Self.read(descriptor, path, most)
    }

    private static func read(_ descriptor: Int32, _ path: String, _ most: Int) throws(SetupError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= most {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw error("cannot be read", path, errno) }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// Whether the path leads elsewhere, over a symbolic link below `base`.
    func isLink(below base: String) -> Bool {
        let resolved = Self.resolved(base) ?? base
        return target != (resolved == "/" ? "" : resolved) + path.dropFirst(base.count)
    }

    // MARK: - Writing

    /// What would keep it from being replaced, as far as that can be told before.
    func checkWritable() throws(SetupError) {
        guard let status else { return }
        guard geteuid() == 0 || status.st_uid == geteuid() else {
            throw SetupError(
                .file, "\(path) belongs to another user (uid \(status.st_uid)).",
                hint: "run this as that user, or add what --print shows by hand", file: path)
        }
        // Root could, but whoever made it so did not want it changed.
        guard status.st_mode & S_IWUSR != 0 else {
            throw SetupError(
                .file, "\(path) is read-only.", hint: "chmod u+w it, or add what --print shows by hand", file: path)
        }
    }

    /// Puts a file with `bytes` in its place, of the same owner and mode; a new one is for its owner alone, or for whom the umask allows.
    func replace(with bytes: [UInt8], isShared: Bool) throws(SetupError) {
        try checkUnchanged()
        let folder = Self.folder(of: target)
        try Self.makeFolders(folder)
        var template = Array("\(folder)/.\(target.dropFirst(folder.count + 1)).XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw Self.error("cannot be written", path, errno) }
        let temporary = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        do throws(SetupError) {
            defer { close(descriptor) }
            try Self.write(bytes, to: descriptor, path)
            if let status {
                // Mode after owner: a change of owner takes bits away.
                let isOwn = status.st_uid == geteuid() && status.st_gid == getegid()
                guard isOwn || fchown(descriptor, status.st_uid, status.st_gid) == 0 else {
                    throw Self.error("cannot be given to its owner again", path, errno)
                }
            }
            guard fchmod(descriptor, status.map { $0.st_mode & 0o7777 } ?? Self.mode(isShared: isShared)) == 0 else {
                throw Self.error("cannot be given its mode", path, errno)
            }
            guard fsync(descriptor) == 0 else { throw Self.error("cannot be written", path, errno) }
            try checkUnchanged()
            guard rename(temporary, target) == 0 else { throw Self.error("cannot be replaced", path, errno) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private static func mode(isShared: Bool) -> mode_t {
        guard isShared else { return 0o600 }
        let mask = umask(0o077)
        umask(mask)
        return 0o666 & ~mask
    }

    /// Takes the file away.
    func remove() throws(SetupError) {
        try checkUnchanged()
        guard unlink(target) == 0 else { throw Self.error("cannot be removed", path, errno) }
    }

    /// Clients write their files, too, and may have done so while a person was reading.
    private func checkUnchanged() throws(SetupError) {
        guard try ClientFile(path).bytes == bytes else {
            throw SetupError(
                .changed, "\(path) was changed by somebody else meanwhile, and left as it is.", hint: "run it again",
                file: path)
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(SetupError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw error("cannot be written", path, errno) }
            rest = rest.dropFirst(count)
        }
    }

    private static func makeFolders(_ folder: String) throws(SetupError) {
        guard !folder.isEmpty, !Surroundings.exists(folder) else { return }
        try makeFolders(Self.folder(of: folder))
        guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { throw error("cannot be made", folder, errno) }
    }

    // MARK: - Paths

    private static func folder(of path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }

    static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path.isEmpty ? "/" : path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func error(_ what: String, _ path: String, _ code: Int32) -> SetupError {
        SetupError(.file, "\(path) \(what): \(String(cString: strerror(code))).", file: path)
    }
}
