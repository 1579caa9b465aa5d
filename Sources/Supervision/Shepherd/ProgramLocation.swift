import Glibc

/// Where the programs that belong to claudine are: next to it, or in `../libexec/claudine/`; never through PATH.
package enum ProgramLocation {
    /// The first of the places at which there is one, and where was looked.
    package static func find(_ name: String) throws(SupervisionError) -> (path: String?, searched: [String]) {
        guard let executable = readLink("/proc/self/exe") else { throw .file("/proc/self/exe", errno) }
        let folder = String(executable[..<(executable.lastIndex(of: "/") ?? executable.startIndex)])
        let candidates = ["\(folder)/\(name)", "\(folder)/../libexec/claudine/\(name)"]
        // Without "..": cages are given this path to be shown.
        return (candidates.lazy.compactMap(resolve).first, candidates)
    }

    private static func resolve(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The executable of this very process, also where its file was replaced meanwhile.
    package static func own() throws(SupervisionError) -> String {
        guard let path = readLink("/proc/self/exe") else { throw .file("/proc/self/exe", errno) }
        return path.hasSuffix(" (deleted)") ? String(path.dropLast(10)) : path
    }

    private static func readLink(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { text in
                text.baseAddress.map { readlink(path, $0, text.count) } ?? -1
            }
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}

/// Where `claudine-shepherd` is.
enum ShepherdLocation {
    static func find() throws(SupervisionError) -> String {
        let (path, searched) = try ProgramLocation.find("claudine-shepherd")
        guard let path else { throw .shepherdMissing(searched: searched) }
        return path
    }
}
