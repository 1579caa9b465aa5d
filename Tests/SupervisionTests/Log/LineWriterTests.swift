import Foundation
import Policy
import Store
import Testing

@testable import Supervision

@Suite struct LineWriterTests {
    /// Both ends of something to write to: the reader's first.
    enum Channel: CaseIterable {
        case pipe, socket, terminal

        func open() throws -> (reader: Int32, writer: Int32) {
            var ends: [Int32] = [-1, -1]
            switch self {
            case .pipe: try #require(Foundation.pipe(&ends) == 0)
            case .socket: try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            case .terminal:
                ends[0] = Foundation.open("/dev/ptmx", O_RDWR | O_NOCTTY)
                // TIOCSPTLCK and TIOCGPTN (asm-generic/ioctls.h), which Glibc's module hides.
                var (number, lock) = (Int32(-1), Int32(0))
                try #require(ioctl(ends[0], 0x4004_5431, &lock) == 0 && ioctl(ends[0], 0x8004_5430, &number) == 0)
                ends[1] = Foundation.open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
                try #require(ends[1] >= 0)
            }
            return (ends[0], ends[1])
        }
    }

    private static let threads = 8
    private static let lines = 1_000

    /// Eight threads at once; each line says which and the how manieth.
    private func write(to log: Log) {
        DispatchQueue.concurrentPerform(iterations: Self.threads) { thread in
            for line in 0..<Self.lines { log.event(.recoveryEnded(.init(ended: thread, requeued: line, alive: 0))) }
        }
    }

    /// Checks that each line is whole and that each thread's stand in their order; returns how many there are and were dropped.
    private func check(_ text: String) throws -> (written: Int, dropped: Int) {
        var last = [Int64](repeating: -1, count: Self.threads)
        var dropped = 0
        let lines = text.split(separator: "\n")
        for line in lines {
            let line = try members(of: line)
            dropped += Int(line["dropped"]?.integerValue ?? 0)
            guard let thread = line["ended"]?.integerValue, let number = line["requeued"]?.integerValue else {
                continue
            }
            #expect(last[Int(thread)] < number)
            last[Int(thread)] = number
        }
        return (lines.count, dropped)
    }

    @Test func linesOfThreadsDoNotMixInAFile() throws {
        let file = try LogFile()
        write(to: try file.log())
        #expect(try check(try String(contentsOfFile: file.path, encoding: .utf8)) == (Self.threads * Self.lines, 0))
    }

    @Test(arguments: [Channel.pipe, .socket])
    func linesOfThreadsDoNotMixInAChannel(channel: Channel) async throws {
        let (reader, writer) = try channel.open()
        defer { close(reader) }
        let log = Log(to: try LineWriter(writer), from: .trace)
        close(writer)
        // What the reader is too slow for is dropped, but counted.
        async let text = Task.detached { drain(reader) }.value
        await Task.detached { write(to: log) }.value
        let early = await text + drain(reader)
        log.event(.admissionUnblocked)
        let (written, dropped) = try check(early + drain(reader))
        #expect(written + dropped == Self.threads * Self.lines + 1)
    }

    /// Nobody reads: writing goes on at once all the same, and the count is told to whoever reads again.
    @Test(.timeLimit(.minutes(1)), arguments: Channel.allCases)
    func aFullChannelStopsNobody(channel: Channel) throws {
        let (reader, writer) = try channel.open()
        defer { for end in [reader, writer] { close(end) } }
        let log = Log(to: try LineWriter(writer), from: .trace)
        let most = 20_000
        for number in 0..<most { log.event(.queueSwept(removed: number)) }
        #expect(fcntl(writer, F_GETFL) & O_NONBLOCK == 0, "the caller's own open file was changed")
        // What was written to a terminal arrives a little later.
        let patience: Int32 = channel == .terminal ? 1_000 : 100
        let early = drain(reader, patience)
        log.event(.admissionUnblocked)
        let lines = (early + drain(reader, patience)).split { $0.isNewline }
        let whole = lines.compactMap { try? members(of: $0) }
        // The kernel makes room in a terminal now and then, so that there may be more than one gap.
        let gaps = whole.compactMap { $0["dropped"]?.integerValue }
        // A terminal may take a part of a line: that stays alone, before the gap that it counts to.
        #expect(lines.count - whole.count <= (channel == .terminal ? gaps.count : 0))
        #expect(whole.count > 10 && whole.count < most)
        #expect(whole.last?["event"] == "admission.unblocked" && whole.last?["dropped"] != nil)
        #expect(whole.count + Int(gaps.reduce(0, +)) == most + 1)
        log.event(.admissionUnblocked)
        #expect(try members(of: drain(reader, patience).filter { !$0.isNewline })["dropped"] == nil)
    }

    @Test func aReaderThatIsGoneAndADiskThatIsFullStopNobody() throws {
        let (reader, writer) = try Channel.pipe.open()
        let gone = Log(to: try LineWriter(writer), from: .trace)
        close(reader)
        signal(SIGPIPE, SIG_IGN)
        gone.event(.admissionUnblocked)
        close(writer)
        // full(4): every write fails with ENOSPC.
        let full = open("/dev/full", O_WRONLY)
        try #require(full >= 0)
        defer { close(full) }
        let log = Log(to: try LineWriter(full), from: .trace)
        for _ in 0..<100 { log.event(.admissionUnblocked) }
    }

    @Test func aLineThatNoPipeTakesWholeIsDropped() throws {
        let file = try LogFile()
        let lines = try LineWriter(file.descriptor)
        lines.write { _ in String(repeating: "x", count: 4096) }
        lines.write { dropped in "\(dropped)" }
        lines.write { dropped in String(repeating: "y", count: 4095 - dropped) }
        #expect(try file.lines.map(\.count) == [1, 4095])
        #expect(try file.lines.first == "1")
    }

    @Test func aClosedDescriptorIsRefused() {
        #expect(throws: SupervisionError.self) { try LineWriter(1_000_000) }
    }
}
