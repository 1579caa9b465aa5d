import Logging
import Store

/// A fact in a line of the log; made only of what cannot hold a text of somebody else's.
struct LogValue {
    let metadata: Logger.MetadataValue

    private init(_ metadata: Logger.MetadataValue) { self.metadata = metadata }

    static func number(_ value: some FixedWidthInteger & Sendable) -> LogValue {
        LogValue(.stringConvertible(Int64(clamping: value)))
    }

    /// A case of an enumeration, by its stable name.
    static func code<Code: RawRepresentable<String> & Sendable>(_ code: Code) -> LogValue {
        LogValue(.string(code.rawValue))
    }

    static func codes<Code: RawRepresentable<String> & Sendable>(_ codes: [Code]) -> LogValue {
        LogValue(.array(codes.map { .string($0.rawValue) }))
    }

    static func text(_ text: StaticString) -> LogValue { LogValue(.string(text.description)) }

    static func task(_ id: TaskID) -> LogValue { LogValue(.string(id.text)) }

    static func signal(_ number: Int32) -> LogValue { LogValue(.string(SignalName.of(number))) }
}
