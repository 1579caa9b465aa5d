import Logging
package import Policy
import Store

/// The daemon's log: one JSON object a line.
///
/// All that can be said is an `Event`, whose payloads are ids, numbers, codes and texts that were written into the source. There is
/// no way to pass a text that came about at run time, so that nothing of a prompt, an environment or a command can get in.
package struct Log: Sendable {
    private let logger: Logger

    /// For whoever is no daemon.
    package static let silent = Log(Logger(label: label) { _ in SwiftLogNoOpLogHandler() })

    private static let label = "claudine"

    private init(_ logger: Logger) { self.logger = logger }

    /// - Parameter least: what is less than this is not written.
    package init(to lines: LineWriter, from least: ServeConfiguration.LogLevel) {
        self.init(to: lines, from: least, now: Timestamp.now)
    }

    /// With a clock of the caller's own.
    init(to lines: LineWriter, from least: ServeConfiguration.LogLevel, now: @escaping @Sendable () -> Timestamp) {
        let handler = JSONLogHandler(lines: lines, logLevel: Logger.Level(least), now: now)
        self.init(Logger(label: Self.label) { _ in handler })
    }

    package func event(_ event: Event) {
        let kind = event.kind
        var metadata: Logger.Metadata = ["event": .string(kind.rawValue)]
        for (name, value) in event.facts { metadata["\(name)"] = value.metadata }
        logger.log(level: Logger.Level(kind.level), "\(kind.sentence)", metadata: metadata)
    }
}

extension Logger.Level {
    /// The names are the same.
    init(_ level: ServeConfiguration.LogLevel) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
