import Glibc

/// Makes the state directory and sees to it that only its owner can write there.
enum StateDirectory {
    /// Creates what is missing of `paths`, mode 0700; throws when it is not ours or others could write to it.
    static func prepare(_ paths: StatePaths) throws(StoreError) {
        try create(paths.directory)
        try check(paths.directory)
        for directory in [paths.instances, paths.attempts] where mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw failure(errno, creating: directory)
        }
    }

    private static func create(_ path: String) throws(StoreError) {
        guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw failure(errno, creating: path)
        }
        try create(String(path[..<slash]))
        guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        throw failure(errno, creating: path)
    }

    /// Makes the names that lead to the database last, as far up as this user may look: syncing a file does not sync the entry that
    /// it is found by (fsync(2)), and a database that cannot be found is lost with all it promised.
    static func syncNames(_ paths: StatePaths) throws(StoreError) {
        var directory = open(paths.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw failure(errno, creating: paths.directory) }
        defer { if directory >= 0 { close(directory) } }
        var below: FileIdentity?
        while directory >= 0, let here = FileIdentity(directory), here != below {
            // Not every file system has anything to sync there (EINVAL); what has, and fails, must not go unnoticed.
            guard fsync(directory) == 0 || errno == EINVAL || errno == EROFS else {
                throw failure(errno, creating: paths.directory)
            }
            // By the directory itself: a path may lead through symlinks, whose targets' names count as well.
            let above = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            close(directory)
            (directory, below) = (above, here)
        }
    }

    private static func check(_ path: String) throws(StoreError) {
        // Following symlinks on purpose: what counts is where the state really lies.
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure(errno, creating: path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw StoreError(.directory, "The state directory \(path) is not a directory.")
        }
        guard status.st_uid == geteuid() else {
            throw StoreError(
                .unsafe, "The state directory \(path) belongs to user \(status.st_uid), not to user \(geteuid()).",
                hint: "Run as its owner, or choose another with --state-dir.")
        }
        guard status.st_mode & 0o077 != 0 else { return }
        // An empty one was made for us a moment ago, under whatever umask; one with contents has been open to others.
        if try isEmpty(path), chmod(path, 0o700) == 0 { return }
        guard status.st_mode & 0o022 == 0 else {
            throw StoreError(
                .unsafe, "Others than its owner may write to the state directory \(path).",
                hint: "See that nothing in it is foreign, then: chmod 700 \(path)")
        }
    }

    static func isEmpty(_ path: String) throws(StoreError) -> Bool {
        guard let stream = opendir(path) else { throw failure(errno, creating: path) }
        defer { closedir(stream) }
        var entries = 0
        while readdir(stream) != nil { entries += 1 }
        return entries <= 2
    }

    static func failure(_ number: Int32, creating path: String) -> StoreError {
        let why = String(cString: strerror(number))
        switch number {
        case EROFS, EACCES, EPERM:
            return StoreError(
                .readOnly, "\(path) cannot be written: \(why).",
                hint: "Check its permissions, or choose another state directory with --state-dir.")
        case ENOSPC, EDQUOT:
            return StoreError(
                .full, "No space is left for \(path): \(why).",
                hint: "Free some space, or choose another state directory with --state-dir.")
        case ENOTDIR:
            return StoreError(.directory, "\(path) cannot be created: something on the way is not a directory.")
        default:
            return StoreError(.directory, "\(path) cannot be used: \(why).")
        }
    }
}
