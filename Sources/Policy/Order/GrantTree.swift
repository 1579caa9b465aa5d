/// What `filesystem.read` and `filesystem.write` show together: for every path the longest grant that contains it decides,
/// as it does for the mounts. A path in both lists is writable.
struct GrantTree: Equatable, Sendable {
    enum Access: Int, Comparable, Sendable {
        case none, read, write

        static func < (left: Access, right: Access) -> Bool { left.rawValue < right.rawValue }
    }

    /// Only paths at which something changes.
    private(set) var points: [String: Access]

    init(_ filesystem: Policy.Filesystem) {
        points = [:]
        for grant in filesystem.read { points[grant.path] = .read }
        for grant in filesystem.write { points[grant.path] = .write }
        reduce()
    }

    func access(at path: String) -> Access {
        var path = path[...]
        while !path.isEmpty {
            if let access = points[String(path)] { return access }
            path = path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)
        }
        return .none
    }

    /// Access changes at these paths only, so that comparing here is comparing everywhere.
    func holds(against other: GrantTree, _ relation: (Access, Access) -> Bool) -> Bool {
        (points.keys.map { $0 } + other.points.keys).allSatisfy { relation(access(at: $0), other.access(at: $0)) }
    }

    func meet(_ other: GrantTree) -> GrantTree {
        var result = self
        for path in points.keys.map({ $0 }) + other.points.keys {
            result.points[path] = min(access(at: path), other.access(at: path))
        }
        result.reduce()
        return result
    }

    /// As the two lists have it. What lies in a grant is granted, so that nothing has to be taken out again.
    func paths(_ access: Access) -> [String] { points.filter { $0.value == access }.map(\.key).sorted() }

    private mutating func reduce() {
        for (path, access) in points {
            var others = self
            others.points[path] = nil
            if others.access(at: path) == access { points[path] = nil }
        }
    }
}
