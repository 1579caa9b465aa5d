import Glibc
import ShepherdProtocol

/// An open file that is only ever read at positions: any number of readers may share it.
struct ReadOnlyFile: ~Copyable, Sendable {
    private let descriptor: Int32
    private let path: String

    init(path: String) throws(OutputLogError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        self.path = path
        guard descriptor >= 0 else {
            let error = errno
            throw error == ENOENT ? .notThere(file: path) : .unreadable(file: path, error: error)
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Up to `count` bytes from `position`; fewer only where the file ends.
    func read(at position: UInt64, count: Int) throws(OutputLogError) -> Bytes {
        var failure: Int32 = 0
        let bytes = Bytes(unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count, let base = buffer.baseAddress {
                let got = pread(descriptor, base + filled, count - filled, off_t(position) + off_t(filled))
                if got > 0 {
                    filled += got
                } else if got == 0 {
                    return
                } else if errno != EINTR {
                    failure = errno
                    return
                }
            }
        }
        guard failure == 0 else { throw .unreadable(file: path, error: failure) }
        return bytes
    }
}

/// The system's sentence for an errno.
func systemMessage(_ error: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard strerror_r(error, &buffer, buffer.count) == 0 else { return "error \(error)" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return bytes.isEmpty ? "error \(error)" : String(decoding: bytes, as: UTF8.self)
}
