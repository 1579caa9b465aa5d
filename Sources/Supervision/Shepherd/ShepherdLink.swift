import CCage
import Dispatch
import Glibc
import Polling
import ShepherdProtocol
import Synchronization

/// What comes from a shepherd, in the order it came.
enum ShepherdEvent: Sendable {
    case report(Report)
    /// The cage's init, as a pidfd: readable once nothing of the cage is left.
    case initPidfd(Int32)
    /// One of the cage's listening sockets, in the order's sequence.
    case listener(Int32)
    /// The reports have ended: cleanly, or with what was wrong with them.
    case closed(FrameError?)
}

/// The two pipes and the socket to one shepherd.
///
/// Commands go out in order on a queue of their own, so that a stopped shepherd never blocks its supervisor; reports come in as
/// events, from one thread, one call at a time.
final class ShepherdLink: Sendable {
    private let outgoing: Outgoing
    private let incoming: PollThread

    init(
        commands: consuming Descriptor, reports: consuming Descriptor, handoff: consuming Descriptor,
        events: @escaping @Sendable (ShepherdEvent) -> Void
    ) {
        outgoing = Outgoing(commands.release())
        reports.setNonblocking()
        handoff.setNonblocking()
        let reading = Incoming(reports.release(), events: events)
        let handing = HandoffSocket(handoff.release(), events: events)
        incoming = PollThread([reading.descriptor, handing.descriptor]) { index in
            index == 0 ? reading.drain { _ = handing.drain() } : handing.drain()
        }
    }

    func send(_ command: Command) { outgoing.send(command) }

    /// Closes our ends; a shepherd that still runs takes that as our death.
    func close() {
        outgoing.finish()
        incoming.cancel()
    }
}

/// Writes commands in order: at once while the pipe takes them, else on a queue of its own.
private final class Outgoing: Sendable {
    private struct State {
        var descriptor: Int32
        var sequence: UInt32 = 0
        /// What the pipe had no room for; a queued flush is on its way as long as this is not empty.
        var waiting = Bytes()
        var isFinished = false
    }

    private let queue = DispatchQueue(label: "claudine.shepherd.commands")
    private let state: Mutex<State>

    init(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, O_WRONLY | O_NONBLOCK)
        state = Mutex(State(descriptor: descriptor))
    }

    func send(_ command: Command) {
        state.withLock { state in
            let isFlushing = !state.waiting.isEmpty
            state.waiting += Frame.frames(of: command.type, payload: command.payload, sequence: &state.sequence)
            guard !isFlushing else { return }
            Self.write(&state)
            if !state.waiting.isEmpty { queue.async { [self] in flush() } }
        }
    }

    func finish() {
        state.withLock { state in
            state.isFinished = true
            if state.waiting.isEmpty { Self.close(&state) }
        }
    }

    /// Waits for room, outside the lock, until everything is written or the other end is gone.
    private func flush() {
        while let descriptor = state.withLock({ $0.waiting.isEmpty ? nil : $0.descriptor }) {
            var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&room, 1, 1000)
            state.withLock { state in
                Self.write(&state)
                if state.isFinished { Self.close(&state) }
            }
        }
    }

    /// Writes what fits. A reader that is gone takes nothing more, which its reports' end tells in its turn.
    private static func write(_ state: inout State) {
        while !state.waiting.isEmpty {
            let count = state.waiting.withUnsafeBytes { Glibc.write(state.descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                state.waiting.removeFirst(count)
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                state.waiting = []
            }
        }
    }

    private static func close(_ state: inout State) {
        if state.descriptor >= 0 { Glibc.close(state.descriptor) }
        state.descriptor = -1
        state.waiting = []
    }
}

/// Turns bytes of the report pipe into events.
private final class Incoming: Sendable {
    let descriptor: Int32
    private let events: @Sendable (ShepherdEvent) -> Void
    private let decoder = Mutex(FrameDecoder())

    init(_ descriptor: Int32, events: @escaping @Sendable (ShepherdEvent) -> Void) {
        self.descriptor = descriptor
        self.events = events
    }

    /// - Parameter before: called between reading and telling: what the cage handed out before it caused a report is then
    ///   told before that report.
    func drain(_ before: () -> Void) -> Bool {
        var buffer = Bytes(repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN { return true }
            }
            do throws(FrameError) {
                let reports = try reports(Bytes(buffer[..<max(count, 0)]))
                before()
                for report in reports { events(.report(report)) }
                guard count > 0 else {
                    events(.closed(nil))
                    return false
                }
            } catch {
                events(.closed(error))
                return false
            }
        }
    }

    /// The reports that became whole with these bytes; none at all means the end.
    private func reports(_ bytes: Bytes) throws(FrameError) -> [Report] {
        try decoder.withLock { decoder throws(FrameError) in
            guard !bytes.isEmpty else {
                try decoder.finish()
                return []
            }
            decoder.append(bytes)
            var reports: [Report] = []
            while let frame = try decoder.next() {
                if let report = try report(of: frame) { reports.append(report) }
            }
            return reports
        }
    }

    /// Unknown types are skipped unless their sender says they must be understood.
    private func report(of frame: Frame) throws(FrameError) -> Report? {
        let report: Report?
        do { report = try Report(type: frame.type, payload: frame.payload) } catch { throw .fragment }
        if report == nil, frame.flags.contains(.mustUnderstand) { throw .version }
        return report
    }
}
