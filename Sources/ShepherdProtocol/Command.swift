/// Why an attempt is being stopped; the first one is latched and never overwritten.
package enum StopReason: UInt8, Sendable, CaseIterable {
    case none = 0
    case cancel = 1
    case wall = 2
    case idle = 3
    case output = 4
    case memory = 5
    /// EOF or EPIPE: the supervisor is gone.
    case supervisorGone = 6
    /// The supervisor sent something that is not this protocol.
    case protocolError = 7
    /// What was read back from /proc is not what the order says.
    case receiptMismatch = 8
    /// Files in the workspace and the home have grown by more than they may.
    case disk = 9
    case cpu = 10
    /// The cage has stayed at its cap on processes.
    case processes = 11
}

/// What the supervisor tells its shepherd.
package enum Command: Equatable, Sendable {
    case start(StartOrder)
    /// `force` skips SIGTERM and the grace.
    case stop(StopReason, force: Bool)
    /// The supervisor has passed on the stream up to `offset`.
    case credit(OutputStream, offset: UInt64)
    /// Leave without starting anything.
    case abort
    /// The end is in the store; the shepherd may leave.
    case acknowledge

    /// - Throws: `WireError` for a payload that does not fit; nil is a type this version does not know.
    package init?(type: UInt8, payload: Bytes) throws(WireError) {
        switch type {
        case 0x02: self = .start(try StartOrder(payload: payload))
        case 0x04:
            var reader = ByteReader(payload)
            guard let reason = StopReason(rawValue: try reader.read()) else { throw .unknownValue }
            self = .stop(reason, force: try reader.readBool())
            try reader.finish()
        case 0x09:
            var reader = ByteReader(payload)
            guard let stream = OutputStream(rawValue: try reader.read()) else { throw .unknownValue }
            self = .credit(stream, offset: try reader.read())
            try reader.finish()
        case 0x0B:
            guard payload.isEmpty else { throw .trailingBytes }
            self = .abort
        case 0x0C:
            guard payload.isEmpty else { throw .trailingBytes }
            self = .acknowledge
        default: return nil
        }
    }

    package var type: UInt8 {
        switch self {
        case .start: return 0x02
        case .stop: return 0x04
        case .credit: return 0x09
        case .abort: return 0x0B
        case .acknowledge: return 0x0C
        }
    }

    package var payload: Bytes {
        var writer = ByteWriter()
        switch self {
        case .start(let order): order.write(to: &writer)
        case .stop(let reason, let force):
            writer.write(reason.rawValue)
            writer.write(force)
        case .credit(let stream, let offset):
            writer.write(stream.rawValue)
            writer.write(offset)
        case .abort, .acknowledge: break
        }
        return writer.bytes
    }
}
