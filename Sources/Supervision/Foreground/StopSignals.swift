import Glibc
import Polling
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as wishes to stop; from the second on they are repeated ones.
///
/// The handler writes the signal's number to a pipe (signal-safety(7)), a thread reads it. Where there is no pipe to be had, the
/// signals keep their default action: the run ends, and its shepherd with what it holds.
final class StopSignals: Sendable {
    private static let numbers = [SIGINT, SIGTERM, SIGHUP]
    private let watch: PollThread?
    private let handled: [Int32]

    init(_ handler: @escaping @Sendable (Int32, _ isRepeated: Bool) -> Void) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            watch = nil
            handled = []
            return
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let reading = ends[0]
        let seen = Mutex(0)
        watch = PollThread([reading]) { _ in
            var number: UInt8 = 0
            guard read(reading, &number, 1) == 1 else { return false }
            let isRepeated = seen.withLock { count in
                count += 1
                return count > 1
            }
            handler(Int32(number), isRepeated)
            return true
        }
        signalPipe.store(ends[1], ordering: .releasing)
        // What was ignored when we began (nohup) stays ignored.
        handled = Self.numbers.filter { !Self.isIgnored($0) }
        for number in handled {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(signalPipe.load(ordering: .acquiring), &byte, 1)
            }
        }
    }

    func cancel() {
        for number in handled { signal(number, SIG_DFL) }
        watch?.cancel()
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var current = sigaction()
        sigaction(number, nil, &current)
        // SIG_IGN is the address 1 (<bits/signum-generic.h>); it is a macro that is not imported.
        return unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self) == 1
    }
}

/// Where the handlers write to; set before they are, so that reading it in one runs no initialiser, and atomic, so that it takes no
/// lock.
private let signalPipe = Atomic<Int32>(-1)
