import Glibc
import Synchronization

/// Takes descriptors that the cage hands out over a socket: one byte that says what it is, one descriptor (unix(7), SCM_RIGHTS).
final class HandoffSocket: Sendable {
    let descriptor: Int32
    private let events: @Sendable (ShepherdEvent) -> Void
    private let isOpen = Mutex(true)

    init(_ descriptor: Int32, events: @escaping @Sendable (ShepherdEvent) -> Void) {
        self.descriptor = descriptor
        self.events = events
    }

    /// - Returns: false when the other ends are closed.
    func drain() -> Bool {
        isOpen.withLock { isOpen in
            if isOpen { isOpen = takeAll() }
            return isOpen
        }
    }

    private func takeAll() -> Bool {
        while true {
            var tag: UInt8 = 0
            var passed: Int32 = -1
            let count = receive(&tag, &passed)
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN
            }
            guard count > 0 else { return false }
            guard passed >= 0 else { continue }
            switch tag {
            case UInt8(ascii: "P"): events(.initPidfd(passed))
            case UInt8(ascii: "L"): events(.listener(passed))
            default: close(passed)
            }
        }
    }

    private func receive(_ tag: inout UInt8, _ passed: inout Int32) -> Int {
        // The CMSG_ macros are not imported; on a 64-bit kernel a control message is a cmsghdr of 16 bytes and its data.
        let header = MemoryLayout<cmsghdr>.size
        var control = [UInt8](repeating: 0, count: header + 8)
        let size = control.count
        let count = withUnsafeMutablePointer(to: &tag) { tag in
            control.withUnsafeMutableBytes { control in
                var data = iovec(iov_base: tag, iov_len: 1)
                return withUnsafeMutablePointer(to: &data) { data in
                    var message = msghdr()
                    message.msg_iov = data
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = size
                    let count = recvmsg(descriptor, &message, Int32(MSG_CMSG_CLOEXEC))
                    if count > 0, message.msg_controllen >= header + MemoryLayout<Int32>.size {
                        let first = control.load(as: cmsghdr.self)
                        if first.cmsg_level == SOL_SOCKET, first.cmsg_type == Int32(SCM_RIGHTS) {
                            passed = control.load(fromByteOffset: header, as: Int32.self)
                        }
                    }
                    return count
                }
            }
        }
        return count
    }
}
