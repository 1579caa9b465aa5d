import Glibc

/// Cuts a stream of bytes into lines, looking at each byte once, however it arrives.
///
/// A line ends with `\n`, before which one `\r` is not part of it; empty ones are left out. One that is longer than may be is
/// reported as soon as that is known, and skipped to its end without being kept.
public struct LineSplitter {
    public enum Line: Hashable, Sendable {
        case line([UInt8])
        case tooLong
    }

    private let most: Int
    private var begun: [UInt8] = []
    private var isSkipping = false

    /// - Parameter most: bytes of a line.
    public init(most: Int) { self.most = most }

    /// - Parameter bytes: the next ones of the stream; what they complete is handed to `body`.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer, _ body: (Line) -> Void) {
        var rest = bytes
        while let start = rest.baseAddress, let end = memchr(start, Int32(UInt8(ascii: "\n")), rest.count) {
            let length = UnsafeRawPointer(end) - start
            keep(UnsafeRawBufferPointer(rebasing: rest[..<length]), body)
            finish(body)
            rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
        }
        keep(rest, body)
    }

    /// The stream has ended: what has come of a line is one.
    public mutating func end(_ body: (Line) -> Void) { finish(body) }

    private mutating func keep(_ bytes: UnsafeRawBufferPointer, _ body: (Line) -> Void) {
        guard !isSkipping else { return }
        // One more than may be, for a `\r`.
        if begun.count + bytes.count > most + 1 {
            begun = []
            isSkipping = true
            body(.tooLong)
        } else {
            begun.append(contentsOf: bytes)
        }
    }

    private mutating func finish(_ body: (Line) -> Void) {
        defer { isSkipping = false }
        guard !isSkipping else { return }
        var line = begun
        begun = []
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard !line.isEmpty else { return }
        body(line.count > most ? .tooLong : .line(line))
    }
}
