/// The spelling of a policy's name.
package enum PolicyName {
    package static let accepted = "1 to 64 of a-z, 0-9 and -"

    package static func isValid(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
            }
    }
}

/// The spelling of a path in a policy file.
enum PathText {
    /// Why a path is refused, or nil: absolute or below `~`, without `.`, `..` or an empty component.
    static func problem(_ path: String) -> String? {
        guard path.hasPrefix("/") || path.hasPrefix("~/") else { return "has to begin with / or ~/" }
        guard path != "/" else { return "is everything; name what is meant" }
        let components = path.dropFirst(path.hasPrefix("/") ? 1 : 2).split(
            separator: "/", omittingEmptySubsequences: false)
        let odd = components.contains { [".", "..", ""].contains($0) }
        return odd ? "must not hold empty components, . or .. and not end with /" : nil
    }
}
