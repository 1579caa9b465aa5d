import MCP
import OutputLog
import Policy
import ShepherdProtocol
import Store

/// Where a reader of a task's output goes on: an attempt, and an offset in each stream. It holds across restarts, for what has been
/// written never moves.
struct OutputPlace: Equatable {
    var attempt: Int
    var stdout: UInt64 = 0
    var stderr: UInt64 = 0

    /// `1.0.0`.
    var text: String { "\(attempt).\(stdout).\(stderr)" }

    init(attempt: Int) { self.attempt = attempt }

    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let attempt = Int(parts[0]), attempt > 0, let stdout = UInt64(parts[1]),
            let stderr = UInt64(parts[2])
        else { return nil }
        self.init(attempt: attempt)
        (self.stdout, self.stderr) = (stdout, stderr)
    }

    subscript(_ stream: OutputStream) -> UInt64 {
        get { stream == .stdout ? stdout : stderr }
        set { if stream == .stdout { stdout = newValue } else { stderr = newValue } }
    }
}

/// Lines of a task's output, cleaned, a page at a time.
struct TaskOutput {
    struct Line {
        var stream: OutputStream
        /// In the stream, where it begins.
        var offset: UInt64
        var text: String

        /// Bytes that it takes in an answer: an empty one is told with where it was written, too.
        var size: Int { text.utf8.count + 64 }
    }

    struct Page {
        var lines: [Line] = []
        var next: OutputPlace
        /// Nothing more is there; nothing more will come, either, once the task has ended.
        var isAtEnd = false
        /// Something was written before the first of the lines.
        var isCut = false
        /// Bytes that the output limit had dropped before or between these lines.
        var dropped: UInt64 = 0
    }

    /// Bytes of a line; a longer one goes on in the next.
    private static let longestLine = 8192
    /// Bytes that are looked through for one page: a text that never comes must not keep everybody else waiting.
    private static let mostSearched = 1 << 20

    private let output: AttemptOutput
    private let attempt: Int

    /// Nil when nothing was captured.
    init?(_ task: TaskID, attempt: Int, _ store: Store) throws {
        do {
            output = try AttemptOutput(directory: store.paths.attempt(task, attempt))
        } catch OutputLogError.notThere {
            return nil
        }
        self.attempt = attempt
    }

    /// Bytes of both streams together.
    var written: UInt64 {
        get throws { try OutputStream.allCases.map { try output.header().total($0) }.reduce(0, +) }
    }

    /// The last lines of each stream.
    ///
    /// - Parameter most: bytes that they take; of more, the end counts.
    func end(
        _ lines: Int, _ streams: [OutputStream], most: Int, containing pattern: String? = nil, hasEnded: Bool
    ) throws -> Page {
        var start = OutputPlace(attempt: attempt)
        var begunBefore: Set<OutputStream> = []
        for stream in streams {
            start[stream] = try output.tailStart(stream, lines: lines)
            let total = try output.header().total(stream)
            let last = total - min(total, UInt64(most / streams.count))
            // A pattern is looked for in all of the lines.
            guard pattern == nil, last > start[stream] else { continue }
            start[stream] = last
            begunBefore.insert(stream)
        }
        var page = try page(from: start, streams, most: .max, containing: pattern, hasEnded: hasEnded)
        page.isCut = streams.contains { start[$0] > 0 }
        for stream in begunBefore {
            // Half a line, or half a character, is no beginning, but better than nothing.
            let lines = page.lines.indices.filter { page.lines[$0].stream == stream }
            guard let first = lines.first else { continue }
            if lines.count > 1 {
                page.lines.remove(at: first)
            } else {
                page.lines[first].text = String(page.lines[first].text.drop { $0 == "\u{fffd}" })
            }
        }
        var size = page.lines.reduce(0) { $0 + $1.size }
        let kept = page.lines.firstIndex { line in
            defer { size -= line.size }
            return size <= most
        }
        let dropped = kept ?? max(0, page.lines.count - 1)
        if dropped > 0 { page.isCut = true }
        page.lines.removeFirst(dropped)
        return page
    }

    /// - Parameters:
    ///   - most: bytes that the lines take.
    ///   - hasEnded: a last line without its end is one then; before, it is left for the next page.
    func page(
        from start: OutputPlace, _ streams: [OutputStream], most: Int, containing pattern: String? = nil, hasEnded: Bool
    ) throws -> Page {
        var page = Page(next: start)
        var room = Room(page: most)
        var cursor: any OutputCursor =
            streams.count == 1
            ? StreamCursor(output, streams[0], from: start[streams[0]])
            : InterleavedReader(output, from: [.stdout: start.stdout, .stderr: start.stderr])
        var begun: [OutputStream: (bytes: Bytes, offset: UInt64)] = [:]
        reading: while let piece = try cursor.next() {
            switch piece {
            case .gap(let stream, let from, let to):
                page.dropped += to - from
                if let rest = begun.removeValue(forKey: stream) { add(rest, stream, pattern, &page, &room) }
                page.next[stream] = to
            case .data(let stream, let bytes, let offset):
                var rest = begun[stream]?.bytes ?? []
                var at = begun[stream]?.offset ?? offset
                begun[stream] = nil
                rest.append(contentsOf: bytes)
                var slice = rest[...]
                while let line = Self.nextLine(&slice) {
                    guard room.isLeft else { break reading }
                    add((Bytes(line), at), stream, pattern, &page, &room)
                    at += UInt64(line.count)
                    page.next[stream] = at
                }
                if !slice.isEmpty { begun[stream] = (Bytes(slice), at) }
            }
            guard room.isLeft else { break }
        }
        guard room.isLeft else { return page }
        page.isAtEnd = true
        guard hasEnded else { return page }
        for (stream, rest) in begun.sorted(by: { $0.value.offset < $1.value.offset }) {
            add(rest, stream, pattern, &page, &room)
            page.next[stream] = rest.offset + UInt64(rest.bytes.count)
        }
        return page
    }

    /// What is left of it.
    private struct Room {
        var page: Int
        var search = TaskOutput.mostSearched

        var isLeft: Bool { page > 0 && search > 0 }
    }

    /// A line with its end, or as much as one may have, cut between characters of UTF-8.
    private static func nextLine(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let end = rest.prefix(longestLine).firstIndex(of: UInt8(ascii: "\n"))
        if let end {
            defer { rest = rest[(end + 1)...] }
            return rest[...end]
        }
        guard rest.count > longestLine else { return nil }
        var cut = rest.startIndex + longestLine
        while cut > rest.startIndex + longestLine - 4, rest[cut] & 0xC0 == 0x80 { cut -= 1 }
        defer { rest = rest[cut...] }
        return rest[..<cut]
    }

    private func add(
        _ line: (bytes: Bytes, offset: UInt64), _ stream: OutputStream, _ pattern: String?, _ page: inout Page,
        _ room: inout Room
    ) {
        let bytes = line.bytes.last == UInt8(ascii: "\n") ? line.bytes.dropLast() : line.bytes[...]
        let text = Clean.text(String(decoding: bytes, as: UTF8.self))
        let line = Line(stream: stream, offset: line.offset, text: text)
        room.search -= line.size
        if let pattern, !text.contains(pattern) { return }
        room.page -= line.size
        page.lines.append(line)
    }
}
