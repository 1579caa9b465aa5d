import CCage
import Glibc

/// `CLAUDINE_TRACE=1`: what a run spends its time on, a line for each step on stderr, in microseconds since the process began to
/// look. Costs one comparison when it is off.
package enum Trace {
    private static let isOn = getenv("CLAUDINE_TRACE") != nil
    private static let start = cage_boottime()

    package static func mark(_ name: StaticString) {
        guard isOn else { return }
        let begin = start
        let line = "trace: \(name) \((cage_boottime() - begin) / 1000)\n"
        _ = line.withCString { write(2, $0, strlen($0)) }
    }
}
