import Glibc

/// What a file of procfs or cgroupfs says. One that is not there and one that cannot be read are different things: a cgroup
/// without `memory.max` has no limit of its own, one whose `memory.max` cannot be read may have any.
enum KernelFile: Equatable {
    case text(String)
    case absent
    case unreadable

    /// Bytes; the mounts of a machine full of containers take some 100 KiB.
    private static let most = 4 << 20

    static func read(_ path: String) -> KernelFile {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { return errno == ENOENT || errno == ENOTDIR ? .absent : .unreadable }
        defer { close(file) }
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4 << 10)
        while contents.count < most {
            let count = Glibc.read(file, &chunk, chunk.count)
            guard count != 0 else { return .text(String(decoding: contents, as: UTF8.self)) }
            if count > 0 {
                contents += chunk[..<count]
            } else if errno != EINTR {
                // EOPNOTSUPP: pressure of a kernel booted with psi=0. ENODEV: a cgroup that has just been removed.
                return .unreadable
            }
        }
        return .unreadable
    }

    /// For files that always exist where they mean anything.
    static func text(_ path: String) -> String? {
        guard case .text(let text) = read(path) else { return nil }
        return text
    }
}

/// Numbers as the kernel writes them.
enum KernelNumber {
    /// A decimal number, or `max`, which is the largest: no limit. More than fits is the largest, too.
    static func parse(_ text: some StringProtocol) -> Int64? {
        let digits = text.trimmingBlanks
        if digits == "max" { return .max }
        guard let first = digits.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return nil }
        return UInt64(digits).map(Int64.init(clamping:))
    }

    /// The soft limit of a line of `/proc/self/limits` (proc(5)): its name, the soft and the hard one, the unit.
    static func softLimit(_ name: String, in limits: String) -> Int64? {
        guard let line = limits.split(separator: "\n").first(where: { $0.hasPrefix(name + " ") }),
            let soft = line.dropFirst(name.count).split(separator: " ").first
        else { return nil }
        return soft == "unlimited" ? .max : parse(soft)
    }

    /// The first number after `NAME:` in `/proc/meminfo` or `/proc/PID/status` (proc(5)).
    static func field(_ name: String, in text: String) -> Int64? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") }) else { return nil }
        return line.dropFirst(name.count + 1).split(whereSeparator: \.isWhitespace).first.flatMap(parse)
    }
}

extension StringProtocol {
    fileprivate var trimmingBlanks: SubSequence {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return self[startIndex..<startIndex] }
        return self[first...last]
    }
}
