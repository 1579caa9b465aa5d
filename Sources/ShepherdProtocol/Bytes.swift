/// Raw bytes as the kernel takes them: paths, arguments and environment entries need not be UTF-8.
package typealias Bytes = [UInt8]

/// Why a payload could not be decoded. Each is a protocol error (docs/protocol.md, "Bad input").
package enum WireError: Error, Equatable {
    case truncated
    case trailingBytes
    case unknownValue
    case tooMany
}

/// Appends fields to a payload; integers are big-endian.
package struct ByteWriter {
    package var bytes: Bytes = []

    package init() {}

    package mutating func write<T: FixedWidthInteger>(_ value: T) {
        var shift = T.bitWidth
        while shift > 0 {
            shift -= 8
            bytes.append(UInt8(truncatingIfNeeded: value >> T(truncatingIfNeeded: shift)))
        }
    }

    package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// A u32 count, then the bytes.
    package mutating func write(_ value: Bytes) {
        write(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    package mutating func write(_ values: [Bytes]) {
        write(UInt32(values.count))
        for value in values { write(value) }
    }

    package mutating func write<T: WireValue>(_ values: [T]) {
        write(UInt32(values.count))
        for value in values { value.write(to: &self) }
    }
}

/// Takes fields off a payload in order; never reads past its end and never allocates more than the payload holds.
package struct ByteReader {
    private let bytes: Bytes
    private var position = 0

    package init(_ bytes: Bytes) { self.bytes = bytes }

    package var remaining: Int { bytes.count - position }

    package mutating func read<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(WireError) -> T {
        let width = T.bitWidth / 8
        guard remaining >= width else { throw .truncated }
        var value: T = 0
        for index in position..<(position + width) { value = (value << 8) | T(truncatingIfNeeded: bytes[index]) }
        position += width
        return value
    }

    package mutating func readBool() throws(WireError) -> Bool {
        switch try read(UInt8.self) {
        case 0: return false
        case 1: return true
        default: throw .unknownValue
        }
    }

    package mutating func readBytes() throws(WireError) -> Bytes {
        let count = Int(try read(UInt32.self))
        guard remaining >= count else { throw .truncated }
        let value = Bytes(bytes[position..<(position + count)])
        position += count
        return value
    }

    /// A list's count is checked against what is left before anything is reserved: every element takes at least `minimum` bytes.
    private mutating func readCount(minimum: Int) throws(WireError) -> Int {
        let count = Int(try read(UInt32.self))
        guard count <= remaining / minimum else { throw .tooMany }
        return count
    }

    package mutating func readByteLists() throws(WireError) -> [Bytes] {
        let count = try readCount(minimum: 4)
        var values: [Bytes] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try readBytes()) }
        return values
    }

    package mutating func readList<T: WireValue>(_ type: T.Type = T.self) throws(WireError) -> [T] {
        let count = try readCount(minimum: 1)
        var values: [T] = []
        for _ in 0..<count { values.append(try T(from: &self)) }
        return values
    }

    package func finish() throws(WireError) {
        guard remaining == 0 else { throw .trailingBytes }
    }
}

/// A value with one fixed place in a payload.
package protocol WireValue {
    init(from reader: inout ByteReader) throws(WireError)
    func write(to writer: inout ByteWriter)
}

extension WireValue {
    /// The whole payload of a frame.
    package var payload: Bytes {
        var writer = ByteWriter()
        write(to: &writer)
        return writer.bytes
    }

    /// Decodes a whole payload; bytes left over are an error.
    package init(payload: Bytes) throws(WireError) {
        var reader = ByteReader(payload)
        try self.init(from: &reader)
        try reader.finish()
    }
}
