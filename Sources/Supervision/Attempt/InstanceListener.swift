import Glibc
import Polling
package import Store
import Synchronization

/// Hears the bell of an instance for all its attempts: one FIFO, one thread, however many run.
package final class InstanceListener: Sendable {
    private struct State {
        var listeners: [Int: @Sendable () -> Void] = [:]
        var next = 0

        mutating func add(_ listener: @escaping @Sendable () -> Void) -> Int {
            next += 1
            listeners[next] = listener
            return next
        }
    }

    /// Apart from the listener itself, so that its thread does not keep it alive.
    private final class Listeners: Sendable {
        let state = Mutex(State())

        func wake() {
            for listener in state.withLock({ Array($0.listeners.values) }) { listener() }
        }
    }

    private let listeners: Listeners
    private let thread: PollThread

    /// - Parameter instance: stays the caller's.
    package init(_ instance: borrowing Instance) {
        let listeners = Listeners()
        self.listeners = listeners
        let bell = fcntl(instance.bell.descriptor, F_DUPFD_CLOEXEC, 3)
        // Once a second in any case, in case the bell was not heard.
        thread = PollThread(bell >= 0 ? [bell] : [], tick: 1000, onTick: { listeners.wake() }) { _ in
            var rings = [UInt8](repeating: 0, count: 64)
            while read(bell, &rings, rings.count) > 0 {}
            listeners.wake()
            return true
        }
    }

    deinit { thread.cancel() }

    /// Calls `listener` on the bell's thread until the subscription is cancelled.
    func add(_ listener: @escaping @Sendable () -> Void) -> Int { listeners.state.withLock { $0.add(listener) } }

    func remove(_ number: Int) { listeners.state.withLock { _ = $0.listeners.removeValue(forKey: number) } }
}
