internal import CCage
internal import ShepherdProtocolEmbedded

/// Writes `receipt`, which the supervisor has made with its full size, in place: one pwrite, enough for any process's death.
struct ReceiptWriter {
    private let descriptor: Int32
    private var contents: ReceiptFile

    /// - Returns: nil when the file is missing or cannot be written.
    init?(directory: Int32, fence: UInt64, nonce: Bytes) {
        descriptor = cage_open_at(directory, "receipt", O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return nil }
        contents = ReceiptFile(fence: fence, nonce: nonce)
    }

    /// - Parameter durable: also survives a power failure; needed only when no supervisor is left to commit the same facts.
    /// - Returns: false when it could not be written.
    @discardableResult
    mutating func enter(
        _ phase: AttemptPhase, exit: LeaderExit? = nil, empty: TreeEmpty? = nil, durable: Bool = false
    ) -> Bool {
        contents.phase = phase
        if let exit { contents.exit = exit }
        if let empty { contents.empty = empty }
        let bytes = contents.encoded
        let written = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        return written == bytes.count && (!durable || fdatasync(descriptor) == 0)
    }
}
