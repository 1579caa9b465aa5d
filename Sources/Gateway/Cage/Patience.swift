import NIOCore

/// One clock of a connection: setting it again replaces what it was set to.
///
/// Used on its event loop only.
final class Patience {
    private let eventLoop: any EventLoop
    private var alarm: Scheduled<Void>?

    init(on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func set(_ time: Duration, then act: @escaping () -> Void) {
        alarm?.cancel()
        alarm = eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(time), act)
    }

    func end() {
        alarm?.cancel()
        alarm = nil
    }
}
