import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A network error in words for people; library errors print as type names, numbers and source files.
func sentence(for error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
        if let first = error.connectionErrors.first { return sentence(for: first.error) }
        return "the name \(error.host) cannot be resolved"
    case let error as IOError: return String(cString: strerror(error.errnoCode))
    case let error as ChannelError:
        if case .connectTimeout = error { return "no connection within the time allowed" }
        return "the connection was closed"
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
        return "its certificate is for another host"
    case NIOSSLError.handshakeFailed(let cause) where "\(cause)".contains("CERTIFICATE_VERIFY_FAILED"):
        return "its certificate is not from an authority that is trusted here"
    case NIOSSLError.uncleanShutdown: return "the TLS connection was cut"
    case _ where isTLSFailure(error): return "no TLS connection could be agreed on"
    case is HTTPParserError: return "what it sent is not sound HTTP"
    default: return "\(error)"
    }
}

/// Whether it failed before anything of the request was sent.
func isTLSFailure(_ error: any Error) -> Bool {
    switch error {
    case NIOSSLError.uncleanShutdown: false
    case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: true
    default: false
    }
}
