import Dispatch
import Glibc
import Synchronization

/// Writes messages, one a line, in the order in which they were sent. There is one for each stream.
final class LineWriter: Channel {
    private struct State {
        /// Bytes that wait.
        var waiting = 0
        var hasFailed = false
        var onFailure: (@Sendable () -> Void)?
    }

    private let descriptor: Int32
    private let limits: Limits
    private let queue = DispatchQueue(label: "messages")
    private let state = Mutex(State())

    /// - Parameter descriptor: belongs to the writer from now on.
    init(_ descriptor: Int32, limits: Limits) {
        self.descriptor = descriptor
        self.limits = limits
    }

    deinit { close(descriptor) }

    /// Is called once, when nothing can be written any more or the client reads too slowly.
    var onFailure: (@Sendable () -> Void)? {
        get { state.withLock { $0.onFailure } }
        set { state.withLock { $0.onFailure = newValue } }
    }

    func send(_ message: Message) {
        var bytes = message.bytes
        bytes.append(UInt8(ascii: "\n"))
        let line = bytes
        let isDroppable = if case .notification = message { true } else { false }
        // Queued under the lock, so that the order is that of the calls.
        let isTooMuch = state.withLock { state -> Bool in
            guard !state.hasFailed else { return false }
            if isDroppable, state.waiting > limits.unwritten { return false }
            if state.waiting > limits.mostUnwritten { return true }
            state.waiting += line.count
            queue.async { self.write(line) }
            return false
        }
        if isTooMuch { fail() }
    }

    private func write(_ line: [UInt8]) {
        defer { state.withLock { $0.waiting -= line.count } }
        guard !state.withLock({ $0.hasFailed }) else { return }
        let isWritten = line.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
        if !isWritten { fail() }
    }

    private func fail() {
        let onFailure = state.withLock { state in
            defer { (state.hasFailed, state.onFailure) = (true, nil) }
            return state.onFailure
        }
        onFailure?()
    }

    /// Waits until what was sent is written, but not for long: the client may not be reading any more.
    func finish(within duration: DispatchTimeInterval) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + duration)
        state.withLock { $0.hasFailed = true }
    }
}
