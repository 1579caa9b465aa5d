package import Store
import Synchronization

/// What the user of this very process wants of its run, apart from the store: it must be heard also when the store takes no
/// more writes, or has no row yet.
package final class LocalWish: Sendable {
    private struct State {
        var stop: StopRequest?
        var hasLeft = false
        var onStop: (@Sendable () -> Void)?
        var onLeave: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    /// The run shall stop. The first reason stays, force is only ever added.
    package func ask(_ request: StopRequest) {
        let wake = state.withLock { state in
            let force = request.force || state.stop?.force == true
            state.stop = StopRequest(reason: state.stop?.reason ?? request.reason, force: force)
            return state.onStop
        }
        wake?()
    }

    /// Nobody waits for the output any more.
    package func leave() {
        let wake = state.withLock { state in
            state.hasLeft = true
            return state.onLeave
        }
        wake?()
    }

    /// Nobody waits for the output, nor for the end to be written down.
    var hasLeft: Bool { state.withLock(\.hasLeft) }

    var stop: StopRequest? { state.withLock(\.stop) }

    /// Who wants to hear of it; at once when it has happened already.
    func listen(onStop: @escaping @Sendable () -> Void, onLeave: @escaping @Sendable () -> Void) {
        let (asked, left) = state.withLock { state in
            state.onStop = onStop
            state.onLeave = onLeave
            return (state.stop != nil, state.hasLeft)
        }
        if asked { onStop() }
        if left { onLeave() }
    }
}
