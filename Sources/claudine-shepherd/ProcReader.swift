internal import CCage
internal import ShepherdProtocolEmbedded

/// Small files of /proc, without a String in sight.
enum ProcReader {
    private static let largest = 16 << 10

    /// Up to 16 KiB of a file below `directory` (or an absolute path).
    static func read(_ path: Bytes, below directory: Int32 = AT_FDCWD) -> Bytes? {
        let descriptor = open(path, below: directory, flags: O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { _ = CCage.close(descriptor) }
        var contents = Bytes()
        // Small pieces on the stack: pages once touched on the heap stay with an idle shepherd.
        withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { piece in
            while contents.count < largest {
                let count = CCage.read(descriptor, piece.baseAddress, piece.count)
                if count < 0, cage_errno() == EINTR { continue }
                if count <= 0 { break }
                contents.append(contentsOf: piece[0..<count])
            }
        }
        return contents
    }

    static func open(_ path: Bytes, below directory: Int32, flags: Int32) -> Int32 {
        withPath(path) { cage_open_at(directory, $0, flags, 0) }
    }

    /// Calls with a NUL-terminated copy of `path`.
    static func withPath<Number: SignedInteger>(_ path: Bytes, _ body: (UnsafePointer<CChar>) -> Number) -> Number {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: path.count + 1) { buffer in
            for (index, byte) in path.enumerated() { buffer.initializeElement(at: index, to: CChar(bitPattern: byte)) }
            buffer.initializeElement(at: path.count, to: 0)
            guard let base = buffer.baseAddress else { return -1 }
            return body(base)
        }
    }

    /// The text after `label` on the line that starts with it, blanks skipped.
    static func field(_ label: StaticString, of contents: Bytes) -> Bytes? {
        let count = label.utf8CodeUnitCount
        var start = 0
        while start < contents.count {
            var end = start
            while end < contents.count, contents[end] != 10 { end += 1 }
            if end - start >= count {
                var matches = true
                for index in 0..<count where contents[start + index] != label.utf8Start[index] { matches = false }
                if matches {
                    var value = start + count
                    while value < end, contents[value] == 32 || contents[value] == 9 { value += 1 }
                    return Bytes(contents[value..<end])
                }
            }
            start = end + 1
        }
        return nil
    }

    /// The numbers of a line, separated by anything that is no digit of `radix`; "unlimited" counts as `max`.
    static func numbers(_ text: Bytes, radix: UInt64 = 10) -> [UInt64] {
        var values: [UInt64] = []
        var value: UInt64 = 0
        var digits = 0
        for byte in text + [32] {
            if let digit = digit(byte), digit < radix {
                value = value &* radix &+ digit
                digits += 1
            } else if digits > 0 {
                values.append(value)
                value = 0
                digits = 0
            } else if byte == UInt8(ascii: "u") {
                values.append(.max)
            }
        }
        return values
    }

    /// Field 22 of /proc/PID/stat: clock ticks since boot.
    static func startTime(of pid: Int32) -> UInt64 {
        guard let stat = read(path(pid, "/stat")) else { return 0 }
        let fields = statFields(stat)
        return fields.count > 19 ? fields[19] : 0
    }

    /// The numbers of a /proc/PID/stat from its third field on, which is after the last ')' of a name the process may have chosen
    /// itself; the state, a letter, counts as 0, and so does a sign.
    static func statFields(_ stat: Bytes) -> [UInt64] {
        var cursor = stat.count - 1
        while cursor > 0, stat[cursor] != UInt8(ascii: ")") { cursor -= 1 }
        var fields: [UInt64] = []
        fields.reserveCapacity(52)
        var value: UInt64 = 0
        for byte in stat[min(cursor + 2, stat.count)...] {
            if byte == 32 || byte == 10 {
                fields.append(value)
                value = 0
            } else if let digit = digit(byte), digit < 10 {
                value = value &* 10 &+ digit
            }
        }
        return fields
    }

    /// Calls for every process that /proc shows, in the order of their numbers.
    static func forEachProcess(_ body: (Int32) -> Void) {
        let directory = open(bytes("/proc"), below: AT_FDCWD, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        defer { _ = CCage.close(directory) }
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            while true {
                let filled = cage_read_directory(directory, buffer.baseAddress, buffer.count)
                guard filled > 0 else { return }
                var position = 0
                while let name = cage_next_entry(buffer.baseAddress, filled, &position) {
                    var pid: Int32 = 0
                    var cursor = name
                    while cursor.pointee >= 48, cursor.pointee <= 57, pid < 1 << 24 {
                        pid = pid * 10 + Int32(cursor.pointee - 48)
                        cursor += 1
                    }
                    if pid > 0, cursor.pointee == 0 { body(pid) }
                }
            }
        }
    }

    /// `/proc/PID` and a suffix.
    static func path(_ pid: Int32, _ suffix: StaticString) -> Bytes {
        var path = bytes("/proc/")
        path.append(contentsOf: decimal(UInt64(UInt32(bitPattern: pid))))
        path.append(contentsOf: bytes(suffix))
        return path
    }

    /// Calls with every name in an open directory that is a number.
    static func visit(_ directory: Int32, _ body: (Bytes) -> Void) {
        guard directory >= 0, lseek(directory, 0, SEEK_SET) == 0 else { return }
        withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { buffer in
            while true {
                let filled = cage_read_directory(directory, buffer.baseAddress, buffer.count)
                guard filled > 0 else { return }
                var position = 0
                while let name = cage_next_entry(buffer.baseAddress, filled, &position) {
                    var number = Bytes()
                    var cursor = name
                    while cursor.pointee >= 48, cursor.pointee <= 57 {
                        number.append(UInt8(bitPattern: cursor.pointee))
                        cursor += 1
                    }
                    if !number.isEmpty, cursor.pointee == 0 { body(number) }
                }
            }
        }
    }

    static func bytes(_ text: StaticString) -> Bytes {
        Bytes(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    static func decimal(_ value: UInt64) -> Bytes {
        var digits = Bytes()
        var rest = value
        repeat {
            digits.insert(UInt8(ascii: "0") + UInt8(rest % 10), at: 0)
            rest /= 10
        } while rest > 0
        return digits
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): return UInt64(byte - UInt8(ascii: "a")) + 10
        default: return nil
        }
    }
}
