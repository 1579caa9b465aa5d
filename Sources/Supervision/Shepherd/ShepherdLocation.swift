import Glibc

/// Where `claudine-shepherd` is: next to claudine, or in `../libexec/claudine/`; never through PATH.
enum ShepherdLocation {
    static func find() throws(SupervisionError) -> String {
        guard let executable = readLink("/proc/self/exe") else { throw .file("/proc/self/exe", errno) }
        let folder = String(executable[..<(executable.lastIndex(of: "/") ?? executable.startIndex)])
        let candidates = ["\(folder)/claudine-shepherd", "\(folder)/../libexec/claudine/claudine-shepherd"]
        for candidate in candidates where access(candidate, F_OK) == 0 { return candidate }
        throw .shepherdMissing(searched: candidates)
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
