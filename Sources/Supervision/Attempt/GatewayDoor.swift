import Gateway
import Glibc
import Polling
import Store

/// The sockets of an attempt's cage and the gateway behind them, which is started when somebody first knocks.
///
/// A command that never calls the API needs no event loop; the sockets listen already, so the first call waits in their
/// backlog for the few milliseconds that a gateway takes to start.
struct GatewayDoor {
    private var listeners: [Int32] = []
    private var watch: PollThread?
    private var gateway: Gateway?
    private var refusals: Task<Void, Never>?

    /// Refusals that a run tells its user about.
    private static let mostNotices = 5
    /// Refusals that are counted; the cage can cause any number of them.
    private static let mostRefusals = 10_000

    /// What went over the wire; nil where nobody knocked.
    var usage: GatewayUsage? { gateway?.usage }

    /// A socket that listens inside; ours from now on.
    mutating func add(_ listener: Int32) { listeners.append(listener) }

    /// - Parameter onKnock: called once, on a thread of its own.
    mutating func awaitFirstConnection(_ onKnock: @escaping @Sendable () -> Void) {
        // Copies, because the watch closes what it watches.
        let copies = listeners.map { fcntl($0, F_DUPFD_CLOEXEC, 3) }.filter { $0 >= 0 }
        watch = PollThread(copies) { _ in
            onKnock()
            return false
        }
    }

    /// Starts the gateway; a second call does nothing.
    mutating func open(
        _ configuration: GatewayConfiguration, onRefusal: @escaping @Sendable (Violation) -> Void,
        onNotice: (@Sendable (String) -> Void)?
    ) async {
        guard !listeners.isEmpty else { return }
        do throws(GatewayError) {
            let gateway = try await Gateway.start(listeners: listeners, configuration: configuration)
            self.gateway = gateway
            refusals = Task {
                var count = 0
                for await case .refused(let refusal) in gateway.events {
                    count += 1
                    guard count <= Self.mostRefusals else { continue }
                    onRefusal(Violation(.gateway, refusal.request ?? refusal.code))
                    guard count <= Self.mostNotices else { continue }
                    onNotice?("the gateway refused \(refusal.request ?? "a request"): \(refusal.message)")
                    if count == Self.mostNotices { onNotice?("further refusals of the gateway are not shown") }
                }
            }
        } catch {
            onNotice?("[\(error.code)] \(error.message)")
        }
        listeners = []
    }

    /// Ends it; nothing is told afterwards.
    mutating func close() async {
        watch?.cancel()
        await gateway?.stop()
        await refusals?.value
        for listener in listeners { _ = Glibc.close(listener) }
        listeners = []
    }
}
