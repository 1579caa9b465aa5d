import Foundation
import Glibc

struct WireError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A connected blocking socket with a receive timeout, so that a test that would hang fails instead.
final class Wire: Sendable {
    let descriptor: CInt

    init(descriptor: CInt, timeout: Int = 10) {
        self.descriptor = descriptor
        var time = timeval(tv_sec: timeout, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { close(descriptor) }

    static func connect(unix path: String) throws -> Wire {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let failed = withUnixAddress(path) { Glibc.connect(descriptor, $0, $1) != 0 }
        if failed { throw WireError("connect \(path): \(String(cString: strerror(errno)))") }
        return Wire(descriptor: descriptor)
    }

    static func connect(port: Int) throws -> Wire {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let failed = withLoopbackAddress(port) { Glibc.connect(descriptor, $0, $1) != 0 }
        if failed { throw WireError("connect \(port): \(String(cString: strerror(errno)))") }
        return Wire(descriptor: descriptor)
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 { throw WireError("send: \(String(cString: strerror(errno))) after \(sent) bytes") }
            sent += count
        }
    }

    /// Empty at the end of the stream; a reset counts as the end.
    func receive(_ limit: Int = 65536) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &bytes, limit, 0)
        if count < 0, errno == ECONNRESET { return [] }
        if count < 0 { throw WireError("receive: \(String(cString: strerror(errno)))") }
        return Array(bytes[..<count])
    }

    func receive(until marker: String) throws -> String {
        var text = ""
        while !text.contains(marker) {
            let bytes = try receive()
            if bytes.isEmpty { throw WireError("ended before \(marker.debugDescription), after: \(text)") }
            text += String(decoding: bytes, as: UTF8.self)
        }
        return text
    }

    func receiveToEnd() throws -> [UInt8] {
        var all: [UInt8] = []
        while case let bytes = try receive(), !bytes.isEmpty { all += bytes }
        return all
    }

    func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

/// One HTTP message as it was on the wire.
struct Message: Sendable {
    var startLine = ""
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// Whether its framing came to its end.
    var isWhole = false

    var text: String { String(decoding: body, as: UTF8.self) }
    var status: Int { Int(startLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }

    subscript(name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
    func all(_ name: String) -> [String] { headers.filter { $0.name.lowercased() == name }.map(\.value) }
}

/// Reads messages one after the other from a wire.
final class MessageReader {
    private let wire: Wire
    private var buffer: [UInt8] = []

    init(_ wire: Wire) { self.wire = wire }

    private func fill() throws -> Bool {
        let bytes = try wire.receive()
        buffer += bytes
        return !bytes.isEmpty
    }

    private func line() throws -> String? {
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                let line = buffer[..<end]
                buffer.removeFirst(end + 1)
                return String(decoding: line, as: UTF8.self).trimmingCharacters(in: ["\r"])
            }
            guard try fill() else { return nil }
        }
    }

    private func bytes(_ count: Int) throws -> [UInt8] {
        while buffer.count < count, try fill() {}
        let taken = Array(buffer.prefix(count))
        buffer.removeFirst(taken.count)
        return taken
    }

    func head() throws -> Message? {
        var message = Message()
        guard let start = try line() else { return nil }
        message.startLine = start
        while let line = try line(), !line.isEmpty {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw WireError("bad header line \(line)") }
            message.headers.append((String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces)))
        }
        return message
    }

    /// A piece of a chunked body; `nil` at its end or at a cut, which `isWhole` tells apart.
    func chunk(_ message: inout Message) throws -> [UInt8]? {
        guard let size = try line(), let count = Int(size, radix: 16) else { return nil }
        if count == 0 {
            message.isWhole = try line() == ""
            return nil
        }
        let data = try bytes(count)
        _ = try line()
        return data
    }

    func next() throws -> Message? {
        guard var message = try head() else { return nil }
        try readBody(&message)
        return message
    }

    func readBody(_ message: inout Message) throws {
        if message["transfer-encoding"] == "chunked" {
            while let piece = try chunk(&message) { message.body += piece }
        } else if let length = message["content-length"].flatMap({ Int($0) }) {
            message.body = try bytes(length)
            message.isWhole = message.body.count == length
        } else {
            message.isWhole = true
        }
    }
}

func withUnixAddress<R>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
}

func withLoopbackAddress<R>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}

func listeningSocket(unix path: String) -> CInt {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    unlink(path)
    precondition(withUnixAddress(path) { bind(descriptor, $0, $1) } == 0)
    precondition(listen(descriptor, 256) == 0)
    return descriptor
}

func listeningSocket() -> (descriptor: CInt, port: Int) {
    let bound = boundSocket()
    precondition(listen(bound.descriptor, 256) == 0)
    return bound
}

/// A port that refuses connections for as long as the descriptor is open; one that was only closed is soon somebody else's.
func boundSocket() -> (descriptor: CInt, port: Int) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    precondition(withLoopbackAddress(0) { bind(descriptor, $0, $1) } == 0)
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    return (descriptor, Int(in_port_t(bigEndian: address.sin_port)))
}
