import Dispatch
import Glibc
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as wishes to stop; from the second on they are repeated ones.
final class StopSignals: Sendable {
    // libdispatch's objects may be used from any thread; their Swift protocols do not say so.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    init(_ handler: @escaping @Sendable (Int32, _ isRepeated: Bool) -> Void) {
        let queue = DispatchQueue(label: "claudine.signals")
        let seen = Mutex(0)
        sources = [SIGINT, SIGTERM, SIGHUP].map { number in
            // The default action would end us before the source hears of it.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                let isRepeated = seen.withLock { count in
                    count += 1
                    return count > 1
                }
                handler(number, isRepeated)
            }
            source.activate()
            return source
        }
    }

    func cancel() {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_DFL) }
    }
}
