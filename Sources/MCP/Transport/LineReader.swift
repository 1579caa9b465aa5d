import Glibc

/// Reads messages from a descriptor, one a line.
struct LineReader: Sendable {
    private let descriptor: Int32
    private let most: Int

    /// - Parameters:
    ///   - descriptor: belongs to the reader from now on.
    ///   - most: bytes of a message.
    init(_ descriptor: Int32, most: Int) {
        self.descriptor = descriptor
        self.most = most
    }

    /// Blocks until the stream ends, or there has been nothing but nonsense.
    ///
    /// - Returns: whether it was the stream that ended.
    func read(into connection: Connection) -> Bool {
        defer { close(descriptor) }
        let tooLong = Message.Refusal(error: ResponseError(.invalidRequest, "A message has at most \(most) bytes."))
        var splitter = LineSplitter(most: most)
        var isOpen = true
        let take = { (line: LineSplitter.Line) in
            guard isOpen else { return }
            switch line {
            case .line(let bytes): isOpen = connection.receive(bytes)
            case .tooLong: isOpen = connection.refuse(tooLong)
            }
        }
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
            while isOpen {
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                splitter.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]), take)
            }
            // Not every client ends its last line.
            if isOpen { splitter.end(take) }
        }
        return isOpen
    }
}
