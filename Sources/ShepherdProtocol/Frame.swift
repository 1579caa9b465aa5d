/// One message between supervisor (fd 3, commands) and shepherd (fd 4, reports). Layout: docs/protocol.md.
package struct Frame: Equatable, Sendable {
    /// Bytes after the length word before any payload: version, type, flags, sequence, reference.
    package static let headerSize = 12
    /// The largest payload of one frame, checked before anything is allocated.
    package static let maximumPayload = 1 << 20
    /// The largest message assembled from `more` frames.
    package static let maximumMessage = 16 << 20
    /// What frames are written in. HELLO is in the oldest version that its sender speaks, so that everybody can read it.
    package static let version = oldestVersion
    /// Versions that this build can read. One that is left out cuts off the builds that speak nothing newer.
    package static let oldestVersion: UInt8 = 1
    package static let newestVersion: UInt8 = 1

    /// The newest version that both speak, `other` being the range of a HELLO; nil when there is none. A daemon that runs across an
    /// upgrade starts whatever shepherd is installed by then.
    package static func common(oldest: UInt8, newest: UInt8) -> UInt8? {
        let version = min(newest, newestVersion)
        return version >= max(oldest, oldestVersion) ? version : nil
    }

    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }
        /// A receiver that does not know the type must treat the frame as a protocol error instead of skipping it.
        package static let mustUnderstand = Flags(rawValue: 1)
        /// The message goes on in the next frame of the same type.
        package static let more = Flags(rawValue: 2)
    }

    package var type: UInt8
    package var flags: Flags
    /// Per direction, from 1, one more each frame.
    package var sequence: UInt32
    /// The sequence number this one answers, or 0.
    package var reference: UInt32
    package var payload: Bytes

    package init(type: UInt8, flags: Flags = [], sequence: UInt32, reference: UInt32 = 0, payload: Bytes = []) {
        self.type = type
        self.flags = flags
        self.sequence = sequence
        self.reference = reference
        self.payload = payload
    }

    package var encoded: Bytes {
        var writer = ByteWriter()
        writer.bytes.reserveCapacity(4 + Self.headerSize + payload.count)
        writer.write(UInt32(Self.headerSize + payload.count))
        writer.write(Self.version)
        writer.write(type)
        writer.write(flags.rawValue)
        writer.write(sequence)
        writer.write(reference)
        writer.bytes.append(contentsOf: payload)
        return writer.bytes
    }

    /// A message as the frames it takes; `sequence` moves on by their number.
    package static func frames(of type: UInt8, payload: Bytes, sequence: inout UInt32, reference: UInt32 = 0) -> Bytes {
        var bytes = Bytes()
        var start = 0
        repeat {
            let end = min(start + maximumPayload, payload.count)
            sequence &+= 1
            bytes.append(
                contentsOf: Frame(
                    type: type, flags: end < payload.count ? [.mustUnderstand, .more] : .mustUnderstand,
                    sequence: sequence, reference: reference, payload: Bytes(payload[start..<end])
                ).encoded)
            start = end
        } while start < payload.count
        return bytes
    }
}

/// Why a byte stream is not this protocol; the connection is over with the first of these.
package enum FrameError: Error, Equatable {
    /// The length word lies outside 12…1,048,588.
    case length
    case version
    /// A gap or repetition in the sequence numbers.
    case sequence
    /// A `more` frame was followed by another type, or the message exceeds 16 MiB.
    case fragment
    /// The stream ended inside a frame.
    case truncated
}

/// Cuts a byte stream into whole messages, however it was split on the way.
package struct FrameDecoder: Sendable {
    private var buffer = Bytes()
    private var consumed = 0
    private var lastSequence: UInt32 = 0
    private var partial: Frame?

    package init() {}

    package mutating func append(_ bytes: Bytes) { buffer.append(contentsOf: bytes) }

    /// The next whole message (fragments joined), or nil until more bytes come.
    package mutating func next() throws(FrameError) -> Frame? {
        while let frame = try nextFrame() {
            guard lastSequence &+ 1 == frame.sequence else { throw .sequence }
            lastSequence = frame.sequence
            guard var whole = partial else {
                if frame.flags.contains(.more) {
                    partial = frame
                    continue
                }
                return frame
            }
            guard whole.type == frame.type, whole.payload.count + frame.payload.count <= Frame.maximumMessage else {
                throw .fragment
            }
            whole.payload.append(contentsOf: frame.payload)
            whole.flags = frame.flags
            whole.sequence = frame.sequence
            partial = frame.flags.contains(.more) ? whole : nil
            if partial == nil { return whole }
        }
        return nil
    }

    /// The stream has ended: fine only between messages.
    package func finish() throws(FrameError) {
        guard buffer.count == consumed, partial == nil else { throw .truncated }
    }

    private mutating func nextFrame() throws(FrameError) -> Frame? {
        let available = buffer.count - consumed
        guard available >= 4 else {
            compact()
            return nil
        }
        let length = Int(word(at: consumed))
        guard length >= Frame.headerSize, length <= Frame.headerSize + Frame.maximumPayload else { throw .length }
        if available >= 5 {
            let version = buffer[consumed + 4]
            guard version >= Frame.oldestVersion, version <= Frame.newestVersion else { throw .version }
        }
        guard available >= 4 + length else {
            compact()
            return nil
        }
        let frame = Frame(
            type: buffer[consumed + 5],
            flags: Frame.Flags(rawValue: UInt16(buffer[consumed + 6]) << 8 | UInt16(buffer[consumed + 7])),
            sequence: word(at: consumed + 8), reference: word(at: consumed + 12),
            payload: Bytes(buffer[(consumed + 16)..<(consumed + 4 + length)]))
        consumed += 4 + length
        return frame
    }

    private func word(at position: Int) -> UInt32 {
        UInt32(buffer[position]) << 24 | UInt32(buffer[position + 1]) << 16 | UInt32(buffer[position + 2]) << 8
            | UInt32(buffer[position + 3])
    }

    private mutating func compact() {
        guard consumed > 0 else { return }
        // A large message leaves a large buffer behind; an empty one is let go.
        if consumed == buffer.count { buffer = [] } else { buffer.removeSubrange(0..<consumed) }
        consumed = 0
    }
}
