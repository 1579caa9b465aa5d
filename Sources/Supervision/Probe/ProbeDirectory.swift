import Foundation

/// An empty directory with a name of its own, gone with this value.
struct ProbeDirectory: ~Copyable {
    let path: String

    /// - Parameter parent: an existing directory.
    init(in parent: String) throws(SupervisionError) {
        var template = Array("\(parent)/probe-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        guard let made else { throw .file("\(parent)/probe-XXXXXX", errno) }
        path = made
    }

    deinit {
        // Whoever keeps us from removing our own files also finds them: there is nobody to tell here.
        try? FileManager.default.removeItem(atPath: path)
    }
}
