import Glibc
import OutputLog
import ShepherdProtocol

/// Writes captured output by the documented layout, as the shepherd does, so that the reader is tested against a second opinion.
///
/// Data first, then the record, then the header; before a ring is overwritten its coming total is announced at byte 56.
final class ReferenceWriter {
    let directory: String
    private(set) var header: OutputIndexHeader
    private var files: [OutputStream: Int32] = [:]
    private let index: Int32
    private var last: OutputIndexRecord?
    var time: UInt64 = 1

    init(head: UInt64, tail: UInt64) {
        var template = Array("/tmp/claudine-outputlog-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { preconditionFailure("no temporary directory") }
        directory = String(cString: made)
        header = OutputIndexHeader(layout: CaptureLayout(head: head, tail: tail))
        for (stream, name) in [(OutputStream.stdout, "stdout"), (.stderr, "stderr")] {
            files[stream] = Glibc.open("\(directory)/\(name)", O_RDWR | O_CREAT, 0o600)
        }
        index = Glibc.open("\(directory)/output.idx", O_RDWR | O_CREAT, 0o600)
        put(header.encoded, index, 0)
    }

    deinit {
        for file in files.values { Glibc.close(file) }
        Glibc.close(index)
        for name in ["stdout", "stderr", "output.idx"] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    /// A reader of what is written here; it may live longer than the writer and its files.
    func open() throws -> AttemptOutput { try AttemptOutput(directory: directory) }

    /// - Parameter grow: whether the bytes may join the last record.
    func write(_ bytes: Bytes, to stream: OutputStream = .stdout, grow: Bool = true) {
        let layout = header.layout
        let start = header.total(stream)
        let end = start + UInt64(bytes.count)
        if end > layout.head + layout.tail { announce(stream, end) }
        place(bytes, of: stream, at: start)
        record(bytes.count, at: start, stream, grow: grow)
        if stream == .stdout { header.stdoutTotal = end } else { header.stderrTotal = end }
        writeHeader()
    }

    /// What a reader sees in the middle of a write: announced and on disk, but not yet counted.
    func beginWrite(_ bytes: Bytes, to stream: OutputStream = .stdout) {
        let start = header.total(stream)
        announce(stream, start + UInt64(bytes.count))
        place(bytes, of: stream, at: start)
    }

    func close() {
        header.closed = true
        writeHeader()
    }

    /// From here on bytes are only counted.
    func lose(_ count: UInt64, of stream: OutputStream = .stdout) {
        header.lost = true
        if stream == .stdout { header.stdoutTotal += count } else { header.stderrTotal += count }
        writeHeader()
    }

    func tearRecord(_ number: UInt64) {
        put(Bytes(repeating: 0xEE, count: 20), index, OutputIndexRecord.position(number))
    }

    func overwriteIndex(_ bytes: Bytes) {
        ftruncate(index, 0)
        put(bytes, index, 0)
    }

    private func place(_ bytes: Bytes, of stream: OutputStream, at start: UInt64) {
        var done = 0
        while done < bytes.count {
            let run = header.layout.run(at: start + UInt64(done), count: UInt64(bytes.count - done))
            if let position = run.position {
                put(Bytes(bytes[done..<(done + Int(run.count))]), files[stream, default: -1], position)
            }
            done += Int(run.count)
        }
    }

    private func record(_ count: Int, at start: UInt64, _ stream: OutputStream, grow: Bool) {
        var record: OutputIndexRecord
        if grow, let growing = last, growing.stream == stream {
            record = growing
            record.count += UInt32(count)
        } else {
            record = OutputIndexRecord(
                number: header.records, time: time, offset: start, count: UInt32(count), stream: stream)
            header.records += 1
        }
        last = record
        put(record.encoded, index, OutputIndexRecord.position(record.number))
    }

    private func announce(_ stream: OutputStream, _ total: UInt64) {
        var word = Bytes()
        word.append(word: UInt64(stream.rawValue) << 63 | total)
        put(word, index, 56)
    }

    private func writeHeader() {
        // The last word is the announcement's; it stays until the next one.
        put(Bytes(header.encoded.prefix(56)), index, 0)
    }

    private func put(_ bytes: Bytes, _ file: Int32, _ position: UInt64) {
        var done = 0
        while done < bytes.count {
            let wrote = bytes[done...].withUnsafeBytes {
                pwrite(file, $0.baseAddress, $0.count, off_t(position) + off_t(done))
            }
            precondition(wrote > 0)
            done += wrote
        }
    }
}

/// A small generator whose whole sequence is its seed's (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Bytes that tell their own offset, so that one in a wrong place shows.
func pattern(_ range: Range<UInt64>) -> Bytes {
    range.map { UInt8(truncatingIfNeeded: ($0 &* 0x9E37_79B9) >> 7) }
}
