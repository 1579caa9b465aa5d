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

/// Writes commands in order; the pipe's end is closed with the last of them.
private final class Outgoing: Sendable {
    private let queue = DispatchQueue(label: "claudine.shepherd.commands")
    private nonisolated(unsafe) var descriptor: Int32
    private nonisolated(unsafe) var sequence: UInt32 = 0

    // Both variables are touched on `queue` only.
    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func send(_ command: Command) {
        queue.async { [self] in
            guard descriptor >= 0 else { return }
            let bytes = Frame.frames(of: command.type, payload: command.payload, sequence: &sequence)
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes {
                    write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done)
                }
                if count < 0, errno == EINTR { continue }
                // EPIPE: the shepherd is gone, which its reports' end tells in its turn.
                guard count > 0 else { return }
                done += count
            }
        }
    }

    func finish() {
        queue.async { [self] in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
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
