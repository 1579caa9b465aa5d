/// How far an attempt's process tree has come; each value is written before the step it announces.
package enum AttemptPhase: UInt8, Sendable {
    /// Nothing was cloned: the worker provably never existed.
    case armed = 0
    /// From here on something may have run.
    case forking = 1
    case running = 2
    case exited = 3
    /// Nothing is left; all fields are final.
    case empty = 4
}

/// `receipt`: what the shepherd leaves on disk for a supervisor that died. 256 bytes, written in place in one pwrite.
///
/// The file exists with its full size before the shepherd starts, so that a full disk cannot prevent it.
package struct ReceiptFile: Equatable, Sendable {
    package static let size = 256
    private static let magic: UInt64 = 0x3154_4345_4E44_4C43

    package var fence: UInt64
    package var nonce: Bytes
    package var phase = AttemptPhase.armed
    package var exit: LeaderExit?
    package var empty: TreeEmpty?

    package init(fence: UInt64, nonce: Bytes) {
        self.fence = fence
        self.nonce = nonce
    }

    /// Big-endian fields, a length, a checksum over all before it, zeros to 256 bytes.
    package var encoded: Bytes {
        var writer = ByteWriter()
        writer.write(Self.magic)
        writer.write(fence)
        writer.write(nonce)
        writer.write(phase.rawValue)
        writer.write(exit != nil)
        if let exit { exit.write(to: &writer) }
        writer.write(empty != nil)
        if let empty { empty.write(to: &writer) }
        writer.write(fnv1a(writer.bytes))
        var bytes = writer.bytes
        while bytes.count < Self.size { bytes.append(0) }
        return bytes
    }

    /// - Throws: `WireError` for a file that is torn, foreign or older than its attempt.
    package init(encoded bytes: Bytes) throws(WireError) {
        var reader = ByteReader(bytes)
        let magic: UInt64 = try reader.read()
        guard magic == Self.magic else { throw .unknownValue }
        fence = try reader.read()
        nonce = try reader.readBytes()
        guard let phase = AttemptPhase(rawValue: try reader.read()) else { throw .unknownValue }
        self.phase = phase
        exit = try reader.readBool() ? try LeaderExit(from: &reader) : nil
        empty = try reader.readBool() ? try TreeEmpty(from: &reader) : nil
        let end = bytes.count - reader.remaining
        let checksum: UInt64 = try reader.read()
        guard checksum == fnv1a(Bytes(bytes[0..<end])) else { throw .unknownValue }
    }
}

/// FNV-1a, 64 bit: tells a torn record from a whole one; no defence against forgery.
private func fnv1a(_ bytes: Bytes) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
}
