internal import CCage
internal import ShepherdProtocolEmbedded

/// Memory that is in no process's resident size: files on the cage's own tmpfs mounts, and anonymous files (memfd_create(2)) that
/// are held open but not mapped.
struct SharedMemory {
    /// `Shmem` of /proc/meminfo when the watch began, bytes: looking through descriptors is worth while only if that has grown.
    private let before = SharedMemory.wholeMachine()

    /// Places of the cage that may be a tmpfs of its own.
    private static let places: [StaticString] = ["/root/tmp", "/root/var/tmp", "/root/dev/shm", "/root/home/agent"]

    /// - Parameters:
    ///   - processes: names of the cage's processes in `proc`, the init's left out.
    ///   - ownMounts: the temporary directories are the cage's, not the host's.
    ///   - limit: bytes; less growth than an eighth of it is not looked into.
    func bytes(of processes: [Bytes], in proc: Int32, ownMounts: Bool, limit: UInt64) -> UInt64 {
        let grown = Self.wholeMachine()
        guard grown > before, grown - before > limit / 8 else { return 0 }
        return (ownMounts ? onMounts(processes, proc) : 0) + inDescriptors(processes, proc)
    }

    /// All processes of a cage see the same mounts; the first one that lets itself be looked through will do.
    private func onMounts(_ processes: [Bytes], _ proc: Int32) -> UInt64 {
        for process in processes {
            var sum: UInt64 = 0
            var seen = false
            for place in Self.places {
                let used = ProcReader.withPath(process + ProcReader.bytes(place)) { path -> Int64 in
                    cage_tmpfs_used(proc, path)
                }
                guard used >= 0 else { continue }
                seen = true
                sum += UInt64(used)
            }
            if seen { return sum }
        }
        return 0
    }

    private func inDescriptors(_ processes: [Bytes], _ proc: Int32) -> UInt64 {
        var counted: [UInt64] = []
        var sum: UInt64 = 0
        for process in processes {
            let directory = ProcReader.open(
                process + ProcReader.bytes("/fd"), below: proc, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard directory >= 0 else { continue }
            defer { _ = close(directory) }
            ProcReader.visit(directory) { name in
                guard Self.isAnonymousFile(name, in: directory) else { return }
                var status = stat()
                let found = ProcReader.withPath(name) { fstatat(directory, $0, &status, 0) }
                guard found == 0, !counted.contains(UInt64(status.st_ino)) else { return }
                counted.append(UInt64(status.st_ino))
                // st_blocks counts 512 bytes (stat(2)).
                sum += UInt64(max(status.st_blocks, 0)) * 512
            }
        }
        return sum
    }

    /// The link of one reads `/memfd:NAME (deleted)`.
    private static func isAnonymousFile(_ name: Bytes, in directory: Int32) -> Bool {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 8) { text in
            guard let start = text.baseAddress else { return false }
            let count = ProcReader.withPath(name) { path -> Int in readlinkat(directory, path, start, 7) }
            guard count == 7 else { return false }
            let expected: StaticString = "/memfd:"
            for index in 0..<7 where UInt8(bitPattern: text[index]) != expected.utf8Start[index] { return false }
            return true
        }
    }

    private static func wholeMachine() -> UInt64 {
        guard let contents = ProcReader.read(ProcReader.bytes("/proc/meminfo")),
            let line = ProcReader.field("Shmem:", of: contents), let kibibytes = ProcReader.numbers(line).first
        else { return 0 }
        return kibibytes * 1024
    }
}
