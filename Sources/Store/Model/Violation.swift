/// Something that the cage refused, or that was done to a protected name: what explains a program's puzzling EPERM.
package struct Violation: Codable, Equatable, Sendable {
    /// What noticed it.
    package enum Mechanism: String, Codable, Sendable {
        /// The filter of system calls; `what` is a call's name.
        case seccomp
        /// The gateway; `what` is a request line.
        case gateway
        /// The look at a workspace's protected names after the run; `what` is a path in it.
        case workspace
    }

    package var mechanism: Mechanism
    package var what: String
    package var count: Int64
    /// The name of the process that did it last, which is its own choice; nil where that is not known.
    package var program: String?

    package init(_ mechanism: Mechanism, _ what: String, count: Int64 = 1, program: String? = nil) {
        self.mechanism = mechanism
        self.what = what
        self.count = count
        self.program = program
    }
}
