/// Whether one more attempt may start now, and if not, everything that is in its way.
package struct AdmissionVerdict: Codable, Equatable, Sendable {
    package var ok: Bool
    /// Empty exactly when `ok`.
    package var blockedBy: [Blocker]

    package init(blockedBy: [Blocker]) {
        ok = blockedBy.isEmpty
        self.blockedBy = blockedBy
    }
}

/// One thing that stands in the way of a start.
package struct Blocker: Codable, Equatable, Sendable {
    package enum Code: String, CaseIterable, Sendable {
        case slots, memory, memoryPressure, cpuPressure, ioPressure, disk, files, processes, spawnBreaker, startRate
        /// Something could not be read.
        case sensor
        /// The daemon's own: what was left behind is being cleaned up, or it is on its way out.
        case recovery, stopping
        /// config.toml cannot be read, so nobody knows what a task is to be run with.
        case configuration
    }

    /// A `Code`, as text: whoever reads it may be older than who wrote it.
    package var code: String
    /// One sentence for people, with value and bound.
    package var message: String
    package var value: String?
    package var bound: String?
    /// Milliseconds after which it may be over by itself, where that is known.
    package var retryInMs: Int64?

    package init(
        _ code: Code, _ message: String, value: String? = nil, bound: String? = nil, retryInMs: Int64? = nil
    ) {
        self.code = code.rawValue
        self.message = message
        self.value = value
        self.bound = bound
        self.retryInMs = retryInMs
    }
}
