import ArgumentParser
import FoundationEssentials
import OutputLog
import ShepherdProtocol
import Store

/// `claudine logs`: what a task's worker wrote.
struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Print what a task wrote.",
        discussion: """
            Without --stream both streams are printed in the order in which they were written. Bytes that the output limit \
            dropped are announced on standard error.
            """)

    enum Selection: String, ExpressibleByArgument, CaseIterable {
        case stdout, stderr, both
    }

    @Argument(help: ArgumentHelp("A task id, or the beginning of one.", valueName: "id"))
    var id: String

    @Option(help: "stdout, stderr or both.")
    var stream = Selection.both

    @Flag(help: "Print the bytes as they are.")
    var raw = false

    @Flag(help: "Print JSON, an object for each piece: its stream, offset, bytes and text.")
    var json = false

    @Flag(name: .shortAndLong, help: "Go on until the streams are closed.")
    var follow = false

    @Option(help: ArgumentHelp("Only the last lines.", valueName: "n"))
    var tail: Int?

    @Option(help: ArgumentHelp("Only what comes at or after this byte of the stream.", valueName: "n"))
    var sinceOffset: UInt64?

    @Option(help: ArgumentHelp("Of this attempt instead of the latest.", valueName: "n"))
    var attempt: Int?

    @OptionGroup var options: StateOptions

    func validate() throws {
        if raw, json { throw ValidationError("--raw and --json exclude each other") }
        if tail != nil, sinceOffset != nil { throw ValidationError("--tail and --since-offset exclude each other") }
        if let tail, tail < 0 { throw ValidationError("--tail is a number of lines, not \(tail)") }
        if let attempt, attempt < 1 { throw ValidationError("--attempt is a number from 1 on, not \(attempt)") }
        if sinceOffset != nil, stream == .both {
            throw ValidationError(
                "--since-offset counts the bytes of one stream: give --stream stdout or --stream stderr")
        }
    }

    func run() async throws {
        let store = try await options.store()
        let task = try store.task(named: id)
        guard let directory = try await attemptWithOutput(of: task, store) else {
            let hasEnded = try store.existingRecord(task).state.isTerminal
            StandardError.say("\(task) has no output: \(hasEnded ? "it never started" : "it has not started yet")")
            return
        }
        let output = try AttemptOutput(directory: directory)
        switch selected {
        case .none:
            let last = try tail.map { lines throws in try InterleavedReader.last(lines: lines, of: output) }
            try await show(last?.pieces ?? [], then: last?.reader ?? InterleavedReader(output))
        case .some(let stream):
            let start = try tail.map { lines throws in try output.tailStart(stream, lines: lines) }
            try await show([], then: StreamCursor(output, stream, from: start ?? sinceOffset ?? 0))
        }
    }

    private var selected: OutputStream? {
        switch stream {
        case .stdout: .stdout
        case .stderr: .stderr
        case .both: nil
        }
    }

    /// The directory of the attempt that was asked for; a follower waits for it.
    ///
    /// - Returns: nil when nothing was captured, and with `--follow` nothing will be.
    private func attemptWithOutput(of task: TaskID, _ store: Store) async throws -> String? {
        for await _ in store.changes() {
            if follow { try await BeforeReading.recover(store) }
            let record = try store.existingRecord(task)
            if let attempt, attempt > record.attempt ?? 0, !follow || record.state.isTerminal {
                throw Failure(
                    "task.noAttempt",
                    "The task \(task) has no attempt \(attempt); its latest is \(record.attempt ?? 0).",
                    exitCode: ExitCodes.wrongState)
            }
            if let number = attempt ?? record.attempt {
                let directory = store.paths.attempt(task, number)
                if try isThere(directory) { return directory }
            }
            if !follow || record.state.isTerminal { return nil }
        }
        throw CancellationError()
    }

    private func isThere(_ directory: String) throws -> Bool {
        do {
            _ = try AttemptOutput(directory: directory)
            return true
        } catch OutputLogError.notThere {
            return false
        }
    }

    private func show(_ first: [OutputPiece], then cursor: some OutputCursor) async throws {
        var format = LogFormat(raw: raw, json: json)
        for piece in first { try format.write(piece) }
        if follow {
            let lock = cursor.output.directory + "/alive.lock"
            // A lock that cannot be looked at is no proof of death.
            let follower = Follower(cursor) { (try? FileLock.isHeld(lock)) ?? true }
            for try await piece in follower { try format.write(piece) }
        } else {
            try showAll(cursor, &format)
        }
        try format.finish()
    }

    /// No further than what was there at the beginning, so that a worker in full flow cannot keep us for ever.
    private func showAll(_ cursor: some OutputCursor, _ format: inout LogFormat) throws {
        var cursor = cursor
        let header = try cursor.output.header()
        var rest = Set(OutputStream.allCases.filter { header.total($0) > 0 })
        while !rest.isEmpty, let piece = try cursor.next() {
            try format.write(piece)
            if piece.end >= header.total(piece.stream) { rest.remove(piece.stream) }
        }
    }
}

/// How pieces of output are printed.
private enum LogFormat {
    case raw
    case text(OutputText)
    case json(LogLines)

    init(raw: Bool, json: Bool) {
        self = raw ? .raw : json ? .json(LogLines()) : .text(OutputText(isForTerminal: StandardOutput.isTerminal))
    }

    mutating func write(_ piece: OutputPiece) throws {
        if case .gap(let stream, let from, let to) = piece {
            StandardError.say("\(to - from) bytes of \(stream) are not kept: from offset \(from) up to \(to)")
        }
        switch self {
        case .raw:
            if case .data(_, let bytes, _) = piece { try StandardOutput.write(bytes) }
        case .text(var text):
            try StandardOutput.write(text.text(piece))
            self = .text(text)
        case .json(var lines):
            try StandardOutput.write(lines.text(piece))
            self = .json(lines)
        }
    }

    mutating func finish() throws {
        switch self {
        case .raw: break
        case .text(var text): try StandardOutput.write(text.finish())
        case .json(var lines): try StandardOutput.write(lines.finish())
        }
    }
}

/// Pieces of output as lines of JSON that cut no character: what one cuts waits for the stream's next piece.
private struct LogLines {
    private var held: [OutputStream: (bytes: Bytes, offset: UInt64)] = [:]

    mutating func text(_ piece: OutputPiece) throws -> String {
        switch piece {
        case .data(let stream, let bytes, let offset):
            let before = held[stream]
            let window = TextWindow(
                (before?.bytes ?? []) + bytes, offset: before?.offset ?? offset, startIsCut: false, endIsCut: true)
            let all = (before?.bytes ?? []) + bytes
            let told = Int(window.range.upperBound - window.range.lowerBound)
            held[stream] = told < all.count ? (Bytes(all[told...]), window.range.upperBound) : nil
            return told == 0 ? "" : try line(stream, window, Bytes(all[..<told]))
        case .gap(let stream, let from, let to):
            return try finish(stream)
                + JSONText.encode(
                    [
                        "stream": .string("\(stream)"),
                        "gap": ["from": .integer(Int64(from)), "to": .integer(Int64(to))],
                    ]
                        as JSONValue) + "\n"
        }
    }

    mutating func finish() throws -> String {
        try OutputStream.allCases.map { stream throws in try finish(stream) }.joined()
    }

    private mutating func finish(_ stream: OutputStream) throws -> String {
        guard let rest = held.removeValue(forKey: stream) else { return "" }
        let window = TextWindow(rest.bytes, offset: rest.offset, startIsCut: false, endIsCut: false)
        return try line(stream, window, rest.bytes)
    }

    /// Text that does not tell every byte comes with the bytes themselves.
    private func line(_ stream: OutputStream, _ window: TextWindow, _ bytes: Bytes) throws -> String {
        var members: [String: JSONValue] = [
            "stream": .string("\(stream)"), "offset": .integer(Int64(window.range.lowerBound)),
            "bytes": .integer(Int64(bytes.count)), "text": .string(window.text),
        ]
        if window.isLossy {
            members["lossy"] = true
            members["base64"] = .string(Data(bytes).base64EncodedString())
        }
        return try JSONText.encode(JSONValue.object(members)) + "\n"
    }
}
