import Foundation

/// Why a text of a policy file is refused; continues a sentence that begins with the text.
struct TextProblem: Error, Equatable {
    var reason: String

    init(_ reason: String) { self.reason = reason }
}

/// The spelling of a path in a policy file.
///
/// `x`, `x/`, `x/.`, `//x` and `y/../x` are the same path and are kept as one text, so that no spelling escapes a rule
/// about another. Links are not followed here, for they may change; whoever uses a path asks the kernel where it leads.
struct PathText {
    /// The caller's home, to look at what stands before a `..` below `~`; nil where there is none.
    var home: String?

    /// The path without empty components, `.` and `..`: absolute, `~`, or below `~`.
    func canonical(_ path: String) throws(TextProblem) -> String {
        guard path.utf8.count < Self.longest else { throw TextProblem("is longer than \(Self.longest - 1) bytes") }
        let fromHome = path == "~" || path.hasPrefix("~/")
        guard fromHome || path.hasPrefix("/") else { throw TextProblem("has to begin with / or ~/") }
        let root = fromHome ? "~" : ""
        let components = try Self.components(of: path.dropFirst(root.count)) { above throws(TextProblem) in
            try mayLeave(above.reduce(fromHome ? home ?? "" : "") { $0 + "/" + $1 })
        }
        guard fromHome || !components.isEmpty else { throw TextProblem("is everything; name what is meant") }
        return components.reduce(root) { $0 + "/" + $1 }
    }

    /// The same for a path below some directory: neither absolute nor that directory itself.
    static func relative(_ path: String, to place: String) throws(TextProblem) -> String {
        guard path.utf8.count < longest else { throw TextProblem("is longer than \(longest - 1) bytes") }
        guard !path.hasPrefix("/"), !path.hasPrefix("~") else { throw TextProblem("has to be below \(place)") }
        let components = try components(of: path[...]) { _ throws(TextProblem) in }
        guard !components.isEmpty else { throw TextProblem("is \(place) itself; name what is meant") }
        return components.joined(separator: "/")
    }

    /// PATH_MAX of the kernel (linux/limits.h), which counts a final NUL.
    private static let longest = 4096

    private static func components(
        of path: Substring, leaving: ([Substring]) throws(TextProblem) -> Void
    ) throws(TextProblem) -> [Substring] {
        var components: [Substring] = []
        for component in path.split(separator: "/") where component != "." {
            guard component == ".." else {
                components.append(component)
                continue
            }
            guard !components.isEmpty else { throw TextProblem("leads with .. out of where it begins") }
            try leaving(components)
            components.removeLast()
        }
        return components
    }

    /// Behind a link the kernel's `..` leads elsewhere than the text's.
    private func mayLeave(_ path: String) throws(TextProblem) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return }
        throw TextProblem("has a .. behind the symbolic link \(path); write where it leads")
    }
}
