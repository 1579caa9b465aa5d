import Foundation
import Synchronization

/// A thread that waits for descriptors to become readable and closes them when it ends.
///
/// Everything that touches the descriptors happens on that thread, so none can be closed, and its number used again, while
/// somebody still waits for it. (libdispatch's read sources on Linux have exactly that race: a source that is cancelled while
/// its hang-up is being delivered is used after it was freed.)
package final class PollThread: Sendable {
    private let stop: Int32
    private let isStopped = Mutex(false)

    /// - Parameters:
    ///   - descriptors: belong to the thread from now on.
    ///   - tick: milliseconds after which `onTick` is called when nothing else happens; nil never.
    ///   - onReadable: is given a position in `descriptors`; false says that this one has ended and can be closed.
    package init(
        _ descriptors: [Int32], tick: Int? = nil, onTick: @escaping @Sendable () -> Void = {},
        onReadable: @escaping @Sendable (Int) -> Bool
    ) {
        var ends: [Int32] = [-1, -1]
        // Without a pipe nothing can be waited for; a caller with a tick still gets that.
        if pipe(&ends) == 0 { for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) } }
        stop = ends[1]
        let stopped = ends[0]
        Thread.detachNewThread {
            var polls = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            polls.append(pollfd(fd: stopped, events: Int16(POLLIN), revents: 0))
            loop: while true {
                let count = poll(&polls, nfds_t(polls.count), Int32(tick ?? -1))
                if count < 0, errno == EINTR { continue }
                if count < 0 || polls[polls.count - 1].revents != 0 { break loop }
                if count == 0 { onTick() }
                for index in descriptors.indices where polls[index].revents != 0 && !onReadable(index) {
                    close(polls[index].fd)
                    polls[index].fd = -1
                }
                if tick == nil, polls.dropLast().allSatisfy({ $0.fd < 0 }) { break loop }
            }
            for poll in polls where poll.fd >= 0 { close(poll.fd) }
        }
    }

    deinit { cancel() }

    /// Ends the thread soon; a call that is under way is finished first. Calling it again does nothing.
    package func cancel() {
        isStopped.withLock { stopped in
            guard !stopped else { return }
            stopped = true
            // The reading end is the thread's own and closes with it: closing ours is what it sees.
            close(stop)
        }
    }
}
