internal import CCage
internal import ShepherdProtocolEmbedded

/// One output pipe of the worker and the capped file it goes to.
struct CapturedStream {
    let stream: OutputStream
    /// Our end of the worker's pipe; -1 once it has ended.
    var pipe: Int32
    let file: Int32
    var total: UInt64 = 0
    /// The supervisor has passed on everything before this offset.
    var credit: UInt64 = 0
}

/// Both streams of the worker: raw bytes into files, exact to the byte, with an index of who wrote when.
///
/// The worker's back-pressure depends on the disk (or, paced, on the reader of a foreground run), never on the supervisor.
struct Capture {
    private(set) var stdout: CapturedStream
    private(set) var stderr: CapturedStream
    private var header: OutputIndexHeader
    private var record: OutputIndexRecord?
    private let index: Int32
    private let order: OutputOrder
    private let buffer: UnsafeMutableRawBufferPointer

    /// One read; a pipe of 1 MiB is emptied in four.
    private static let chunk = 256 << 10
    /// Bytes per stream and wake-up, so that a flood never keeps the loop from its clocks and commands.
    private static let budget = 4 << 20
    /// A record ends when its stream pauses this long, in nanoseconds.
    private static let runGap: UInt64 = 100_000_000
    /// How long the pipes are read after the tree is empty, in nanoseconds.
    private static let longestDrain: UInt64 = 250_000_000

    /// Creates the files below the attempt directory.
    ///
    /// - Returns: nil with errno set.
    init?(order: OutputOrder, directory: Int32, stdoutPipe: Int32, stderrPipe: Int32) {
        let flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC
        let stdoutFile = cage_open_at(directory, "stdout", flags, 0o600)
        let stderrFile = cage_open_at(directory, "stderr", flags, 0o600)
        index = cage_open_at(directory, "output.idx", flags, 0o600)
        guard stdoutFile >= 0, stderrFile >= 0, index >= 0 else { return nil }
        stdout = CapturedStream(stream: .stdout, pipe: stdoutPipe, file: stdoutFile)
        stderr = CapturedStream(stream: .stderr, pipe: stderrPipe, file: stderrFile)
        header = OutputIndexHeader(layout: CaptureLayout(head: order.head, tail: order.tail))
        self.order = order
        buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk, alignment: 4096)
        writeHeader()
    }

    var totals: OutputCount {
        var totals = OutputCount()
        totals.stdout = stdout.total
        totals.stderr = stderr.total
        totals.lost = header.lost
        return totals
    }

    var total: UInt64 { stdout.total &+ stderr.total }

    mutating func credit(_ stream: OutputStream, offset: UInt64) {
        switch stream {
        case .stdout: stdout.credit = max(stdout.credit, offset)
        case .stderr: stderr.credit = max(stderr.credit, offset)
        }
    }

    /// The pipe to wait for, or -1: ended, or the reader is behind.
    func waitable(_ stream: OutputStream) -> Int32 {
        let captured = stream == .stdout ? stdout : stderr
        return allowance(captured) > 0 ? captured.pipe : -1
    }

    /// Takes what is there, up to the budget.
    ///
    /// - Returns: whether any byte came.
    mutating func take(_ stream: OutputStream, at now: UInt64) -> Bool {
        var captured = stream == .stdout ? stdout : stderr
        let any = take(&captured, at: now)
        switch stream {
        case .stdout: stdout = captured
        case .stderr: stderr = captured
        }
        return any
    }

    /// The reader of a paced run is behind: the worker may be waiting for it.
    var waitsForReader: Bool {
        (stdout.pipe >= 0 && allowance(stdout) == 0) || (stderr.pipe >= 0 && allowance(stderr) == 0)
    }

    /// Nobody waits for a reader any more.
    mutating func stopPacing() {
        stdout.credit = .max
        stderr.credit = .max
    }

    /// After the tree is empty: everything still in the pipes, whoever else may hold their other ends, then the end marker.
    mutating func close(at now: UInt64) {
        stopPacing()
        // Nobody of the cage is left to write; should a descriptor have got outside, its holder does not keep us here.
        let deadline = now.addingClamped(Self.longestDrain)
        for stream in OutputStream.allCases {
            while take(stream, at: now), cage_boottime() < deadline {}
        }
        closePipe(&stdout)
        closePipe(&stderr)
        if header.stdoutTotal > 0 || header.stderrTotal > 0 {
            _ = fdatasync(stdout.file)
            _ = fdatasync(stderr.file)
        }
        header.closed = true
        writeHeader()
    }

    /// How many more bytes of a stream may be read now.
    private func allowance(_ captured: CapturedStream) -> UInt64 {
        guard order.paced, captured.credit != .max else { return .max }
        let bound = captured.credit.addingClamped(order.window)
        return bound > captured.total ? bound - captured.total : 0
    }

    private mutating func take(_ captured: inout CapturedStream, at now: UInt64) -> Bool {
        var taken = 0
        while taken < Self.budget, captured.pipe >= 0 {
            let wanted = Int(min(UInt64(Self.chunk), allowance(captured)))
            guard wanted > 0 else { break }
            let count = read(captured.pipe, buffer.baseAddress, wanted)
            if count < 0 {
                if cage_errno() == EINTR { continue }
                break
            }
            if count == 0 {
                closePipe(&captured)
                break
            }
            store(count, of: &captured, at: now)
            taken += count
        }
        return taken > 0
    }

    private mutating func store(_ count: Int, of captured: inout CapturedStream, at now: UInt64) {
        let start = captured.total
        if start + UInt64(count) > order.head + order.tail {
            header.announcedStream = captured.stream
            header.announcedTotal = start + UInt64(count)
            writeHeader()
        }
        // Of a read larger than the ring only its end can survive; what lies before is not written at all.
        var done = 0
        while done < count, !header.lost {
            let run = header.layout.run(at: start + UInt64(done), count: UInt64(count - done))
            guard let position = run.position else { break }
            let written = pwrite(
                captured.file, buffer.baseAddress?.advanced(by: done), Int(run.count), off_t(position))
            if written != Int(run.count) {
                header.lost = true
            }
            done += Int(run.count)
        }
        captured.total = start + UInt64(count)
        switch captured.stream {
        case .stdout: header.stdoutTotal = captured.total
        case .stderr: header.stderrTotal = captured.total
        }
        note(count: count, of: captured.stream, at: start, time: now)
        writeHeader()
    }

    /// Extends the current record or begins the next.
    private mutating func note(count: Int, of stream: OutputStream, at offset: UInt64, time: UInt64) {
        if var last = record, last.stream == stream, last.offset + UInt64(last.count) == offset,
            time < last.time.addingClamped(Self.runGap), UInt64(last.count) + UInt64(count) <= UInt64(UInt32.max)
        {
            last.count += UInt32(count)
            record = last
        } else {
            record = OutputIndexRecord(
                number: header.records, time: time, offset: offset, count: UInt32(count), stream: stream)
            header.records += 1
        }
        guard let record else { return }
        writeWhole(record.encoded, at: OutputIndexRecord.position(record.number))
    }

    private mutating func writeHeader() { writeWhole(header.encoded, at: 0) }

    private mutating func writeWhole(_ bytes: Bytes, at position: UInt64) {
        let written = bytes.withUnsafeBytes { pwrite(index, $0.baseAddress, $0.count, off_t(position)) }
        if written != bytes.count { header.lost = true }
    }

    private func closePipe(_ captured: inout CapturedStream) {
        if captured.pipe >= 0 { _ = CCage.close(captured.pipe) }
        captured.pipe = -1
    }
}
