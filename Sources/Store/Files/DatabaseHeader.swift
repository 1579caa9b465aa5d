import Glibc

/// The first 100 bytes of a database file (https://www.sqlite.org/fileformat2.html), read without SQLite, so that a file
/// we must not touch is not touched.
struct DatabaseHeader {
    static let length = 100

    let pageSize: Int64
    /// Pages the file has to have, as of the last checkpoint.
    let pages: Int64
    let isWAL: Bool
    let userVersion: Int64
    let applicationID: Int64

    /// Nil when `bytes` do not begin an SQLite database.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.length, bytes.starts(with: Array("SQLite format 3\0".utf8)) else { return nil }
        func number(_ offset: Int, _ length: Int) -> Int64 {
            bytes[offset..<(offset + length)].reduce(0) { $0 << 8 | Int64($1) }
        }
        // 1 stands for 65536, which does not fit its two bytes.
        pageSize = number(16, 2) == 1 ? 65536 : number(16, 2)
        pages = number(28, 4)
        isWAL = bytes[18] == 2 && bytes[19] == 2
        userVersion = number(60, 4)
        applicationID = number(68, 4)
    }
}

/// What is at the place of the database.
enum DatabaseFile {
    case missing
    case present(DatabaseHeader)

    /// Looks at the file without changing it; throws when it is nothing we may open.
    static func inspect(_ paths: StatePaths) throws(StoreError) -> DatabaseFile {
        let path = paths.database
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { return .missing }
            if errno == ELOOP { throw StoreError(.unsafe, "\(path) is a symbolic link.", hint: StoreError.moveAway) }
            throw StateDirectory.failure(errno, creating: path)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw StateDirectory.failure(errno, creating: path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw StoreError(.notADatabase, "\(path) is not a regular file.", hint: StoreError.moveAway)
        }
        let hasLog = size(path + "-wal") > 0
        if status.st_size == 0 {
            // SQLite writes the first page with the first commit, so an empty file is one nobody has used, or the rest of one.
            let neverUsed = try StateDirectory.isEmpty(paths.attempts)
            guard hasLog || neverUsed else { throw truncated(path) }
            return .missing
        }
        var bytes = [UInt8](repeating: 0, count: DatabaseHeader.length)
        let count = pread(file, &bytes, bytes.count, 0)
        guard count >= 0 else { throw StateDirectory.failure(errno, creating: path) }
        let magic = Array("SQLite format 3\0".utf8)
        guard bytes.prefix(count).starts(with: magic.prefix(count)) else {
            throw StoreError(.notADatabase, "\(path) is not a database.", hint: StoreError.moveAway)
        }
        guard count == DatabaseHeader.length, let header = DatabaseHeader(bytes) else { throw truncated(path) }
        // With a log the file may lawfully be shorter than page 1 says: a checkpoint is under way or was cut off.
        guard hasLog || status.st_size >= header.pages * header.pageSize else { throw truncated(path) }
        return .present(header)
    }

    private static func truncated(_ path: String) -> StoreError {
        StoreError(.corrupt, "The database \(path) is truncated.", hint: StoreError.moveAway)
    }

    private static func size(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_size : 0
    }
}
