import Glibc
import Polling

/// Wakes a follower when a file is written to, and in any case every 250 ms.
///
/// The tick is what correctness rests on; inotify (which may be used up, or silent on a network file system) only makes it quick.
final class Doorbell {
    private let rings: AsyncStream<Void>
    private let watch: PollThread

    /// Milliseconds; the longest a follower is behind when inotify says nothing.
    private static let tick = 250

    init(path: String) {
        // One ring is enough: whoever hears it reads everything.
        let (rings, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.rings = rings
        let descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        let isWatching = descriptor >= 0 && inotify_add_watch(descriptor, path, UInt32(IN_MODIFY)) >= 0
        if descriptor >= 0, !isWatching { close(descriptor) }
        watch = PollThread(
            isWatching ? [descriptor] : [], tick: Self.tick, onTick: { continuation.yield() },
            onReadable: { _ in
                var events = [UInt8](repeating: 0, count: 4096)
                while read(descriptor, &events, events.count) > 0 {}
                continuation.yield()
                return true
            })
    }

    deinit { watch.cancel() }

    /// Waits for the next ring; false when the surrounding task was cancelled.
    func wait(isolation actor: isolated (any Actor)? = #isolation) async -> Bool {
        var iterator = rings.makeAsyncIterator()
        return await iterator.next(isolation: actor) != nil
    }
}
