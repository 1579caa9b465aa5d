import Policy
import Store

extension Policy {
    /// `limits` of the task record; what is unlimited is said in that word.
    var recordLimits: [String: JSONValue] {
        [
            "wallSeconds": Self.seconds(process.wallTime),
            "idleSeconds": Self.seconds(process.idleTime),
            "processes": .integer(Int64(limits.processes)),
            "memoryBytes": Self.bytes(limits.memory),
            "outputBytes": Self.bytes(limits.output.limit),
            "outputHeadBytes": .integer(Int64(limits.output.head.bytes)),
            "outputTailBytes": .integer(Int64(limits.output.tail.bytes)),
            "openFiles": .integer(Int64(limits.openFiles)),
            "fileSizeBytes": Self.bytes(limits.fileSize),
        ]
    }

    private static func bytes(_ bound: Bound<ByteSize>) -> JSONValue {
        bound.value.map { .integer(Int64(clamping: $0.bytes)) } ?? "unlimited"
    }

    /// A whole number where it is one.
    private static func seconds(_ bound: Bound<TimeSpan>) -> JSONValue {
        guard let span = bound.value else { return "unlimited" }
        return span.milliseconds % 1000 == 0
            ? .integer(Int64(span.milliseconds / 1000)) : .number(Double(span.milliseconds) / 1000)
    }
}
