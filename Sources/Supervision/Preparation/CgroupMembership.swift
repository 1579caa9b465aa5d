/// Where a process is in the cgroup hierarchies, as far as it can see (cgroups(7), proc(5)).
struct CgroupMembership {
    /// Of `/proc/self/cgroup`: controllers of a v1 hierarchy, none for that of v2, and the path in it.
    private var entries: [(controllers: [Substring], path: Substring)] = []
    /// Of `/proc/self/mountinfo`: which part of which hierarchy can be seen where.
    private var mounts: [Mount] = []
    /// A line about ourselves was not understood, so there may be a hierarchy that we do not know of.
    private var isPartial = false

    private struct Mount {
        /// Nil for v2, where a mount has all of its controllers.
        var controllers: [Substring]?
        var root: String
        var point: String
    }

    /// One cgroup, and the uppermost of its ancestors that can be seen.
    struct Place: Equatable {
        var directory: String
        var top: String
        var isUnified: Bool

        /// From the cgroup itself up to the top.
        var wayUp: [String] {
            var way = [directory]
            while let last = way.last, last.count > top.count, let slash = last.lastIndex(of: "/") {
                way.append(String(last[..<slash]))
            }
            return way
        }
    }

    enum Standing: Equatable {
        /// In no hierarchy that could bound it.
        case free
        /// In one that is mounted nowhere, or of which only another part is: what its limits are cannot be known.
        case hidden
        case at(Place)
    }

    /// - Parameters:
    ///   - own: the text of `/proc/self/cgroup`, lines of `NUMBER:CONTROLLERS:PATH`.
    ///   - mounts: the text of `/proc/self/mountinfo`.
    init(own: String, mounts: String) {
        for line in own.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else {
                isPartial = true
                continue
            }
            entries.append((fields[1].split(separator: ","), fields[2]))
        }
        for line in mounts.split(separator: "\n") {
            // Optional fields end with a lone hyphen; the type, the source and the options come after it.
            let fields = line.split(separator: " ")
            guard let hyphen = fields.indices.dropFirst(6).first(where: { fields[$0] == "-" }),
                fields.count > hyphen + 3
            else { continue }
            let (root, point) = (Self.unescaped(fields[3]), Self.unescaped(fields[4]))
            switch fields[hyphen + 1] {
            case "cgroup2": self.mounts.append(Mount(controllers: nil, root: root, point: point))
            case "cgroup":
                let controllers = fields[hyphen + 3].split(separator: ",")
                self.mounts.append(Mount(controllers: controllers, root: root, point: point))
            default: continue
            }
        }
    }

    /// Where `controller` bounds this process: in its v1 hierarchy if it has one, else in that of v2, never in both.
    func standing(for controller: String) -> Standing {
        if entries.contains(where: { $0.controllers.contains { $0 == controller } }) {
            return legacy(controller).map(Standing.at) ?? .hidden
        }
        guard entries.contains(where: \.controllers.isEmpty) else { return isPartial ? .hidden : .free }
        return unified().map(Standing.at) ?? .hidden
    }

    /// The place in the hierarchy of v2, whatever controllers it has.
    func unified() -> Place? {
        guard let entry = entries.first(where: \.controllers.isEmpty) else { return nil }
        return place(of: entry.path, in: mounts.filter { $0.controllers == nil }, isUnified: true)
    }

    /// The place in the hierarchy of a controller of v1.
    func legacy(_ controller: String) -> Place? {
        let isOurs = { (list: [Substring]) in list.contains { $0 == controller } }
        guard let entry = entries.first(where: { isOurs($0.controllers) }) else { return nil }
        return place(of: entry.path, in: mounts.filter { $0.controllers.map(isOurs) ?? false }, isUnified: false)
    }

    /// In a container a mount shows a part of the hierarchy only, whose path is the mount's root.
    private func place(of path: Substring, in mounts: [Mount], isUnified: Bool) -> Place? {
        for mount in mounts {
            let root = mount.root == "/" ? "" : mount.root
            guard path == root || path.hasPrefix(root + "/") else { continue }
            let below = path.dropFirst(root.count)
            // Outside of our cgroup namespace (cgroup_namespaces(7)).
            guard !below.split(separator: "/").contains("..") else { continue }
            let directory = below == "/" ? mount.point : mount.point + below
            return Place(directory: directory, top: mount.point, isUnified: isUnified)
        }
        return nil
    }

    /// Space, tab, newline and backslash are written as three octal digits after a backslash (proc(5)).
    private static func unescaped(_ field: Substring) -> String {
        guard field.contains("\\") else { return String(field) }
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(3), as: UTF8.self)
            if byte == UInt8(ascii: "\\"), digits.utf8.count == 3, let code = UInt8(digits, radix: 8) {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
