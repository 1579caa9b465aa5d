import Dispatch
import Glibc

/// Wakes a follower when a file is written to, and in any case every 250 ms.
///
/// The tick is what correctness rests on; inotify (which may be used up, or silent on a network file system) only makes it quick.
final class Doorbell {
    private let rings: AsyncStream<Void>
    private let timer: any DispatchSourceTimer
    private let watch: (any DispatchSourceRead)?

    /// Milliseconds; the longest a follower is behind when inotify says nothing.
    private static let tick = 250

    init(path: String) {
        // One ring is enough: whoever hears it reads everything.
        let (rings, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.rings = rings
        let queue = DispatchQueue(label: "claudine.output.doorbell")
        timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(
            deadline: .now() + .milliseconds(Self.tick), repeating: .milliseconds(Self.tick), leeway: .milliseconds(50))
        timer.setEventHandler { continuation.yield() }
        timer.activate()
        watch = Self.watch(path, on: queue) { continuation.yield() }
    }

    deinit {
        timer.cancel()
        watch?.cancel()
    }

    /// Waits for the next ring; false when the surrounding task was cancelled.
    func wait(isolation actor: isolated (any Actor)? = #isolation) async -> Bool {
        var iterator = rings.makeAsyncIterator()
        return await iterator.next(isolation: actor) != nil
    }

    /// An inotify source on one file, or nil where the machine has no more of them.
    private static func watch(
        _ path: String, on queue: DispatchQueue, ring: @escaping @Sendable () -> Void
    ) -> (any DispatchSourceRead)? {
        let descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard descriptor >= 0 else { return nil }
        guard inotify_add_watch(descriptor, path, UInt32(IN_MODIFY)) >= 0 else {
            close(descriptor)
            return nil
        }
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        source.setEventHandler {
            var events = [UInt8](repeating: 0, count: 4096)
            while read(descriptor, &events, events.count) > 0 {}
            ring()
        }
        source.setCancelHandler { close(descriptor) }
        source.activate()
        return source
    }
}
