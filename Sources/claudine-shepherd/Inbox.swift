internal import CCage
internal import ShepherdProtocolEmbedded

/// Commands on their way from the supervisor.
struct Inbox {
    enum Arrival {
        case command(Command)
        /// Nothing more for now.
        case quiet
        /// The supervisor's end is closed.
        case gone
        /// Something that is not this protocol, or more of it than we know.
        case broken
    }

    private var decoder = FrameDecoder()

    mutating func next(from descriptor: Int32) -> Arrival {
        while true {
            do {
                while let frame = try decoder.next() {
                    if let command = try Self.command(of: frame) { return .command(command) }
                }
            } catch {
                return .broken
            }
            let count = fill(from: descriptor)
            if count == 0 { return .gone }
            if count < 0 { return .quiet }
        }
    }

    private mutating func fill(from descriptor: Int32) -> Int {
        withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 8) { buffer in
            while true {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                if count < 0, cage_errno() == EINTR { continue }
                if count > 0 { decoder.append(Bytes(buffer[0..<count])) }
                return count
            }
        }
    }

    /// Unknown types are skipped unless their sender says they must be understood.
    private static func command(of frame: Frame) throws(FrameError) -> Command? {
        let command: Command?
        do {
            command = try Command(type: frame.type, payload: frame.payload)
        } catch {
            throw FrameError.fragment
        }
        if command == nil, frame.flags.contains(.mustUnderstand) { throw FrameError.version }
        return command
    }
}
