import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// A network error in words for people; library errors print as type names and numbers.
func sentence(for error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
        if let first = error.connectionErrors.first { return sentence(for: first.error) }
        return "the name \(error.host) cannot be resolved"
    case let error as IOError: return String(cString: strerror(error.errnoCode))
    case let error as ChannelError:
        if case .connectTimeout = error { return "no connection within the time allowed" }
        return "the connection was closed"
    case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: return "TLS failed: \(error)"
    default: return "\(error)"
    }
}
