import Glibc
package import ShepherdProtocol
package import Store

/// Why Claudine itself could not do its part; each leads to one reason of the contract.
package enum SupervisionError: Error, Equatable, Sendable {
    /// `claudine-shepherd` is not where it belongs.
    case shepherdMissing(searched: [String])
    case shepherdNotExecutable(String, Int32)
    /// It speaks another version of the protocol, or none.
    case shepherdVersion(oldest: UInt8, newest: UInt8)
    /// Somebody else holds the attempt's `alive.lock`.
    case lockTaken(String)
    /// It ended or fell silent before it could be armed.
    case shepherdSilent(path: String)
    /// The kernel refused something (EMFILE, ENOMEM, EAGAIN, …).
    case resources(String, Int32)
    case file(String, Int32)
    /// A probe of this machine ended in a way that tells nothing about it.
    case probe(SpawnError)
    /// What a probe needs is not there.
    case machine(String)

    package var reason: Reason {
        switch self {
        case .shepherdMissing(let searched):
            Reason(
                .spawnFailed, "claudine-shepherd was not found; it belongs next to claudine",
                detail: .object([
                    "searched": .array(searched.map(JSONValue.string)),
                    "fix": "install claudine and claudine-shepherd together: make install PREFIX=…",
                ]))
        case .shepherdNotExecutable(let path, let code):
            Reason(
                .spawnFailed, "claudine-shepherd at \(path) cannot be executed: \(Self.text(code))",
                detail: .object([
                    "errno": .integer(Int64(code)), "fix": "install claudine and claudine-shepherd together",
                ]))
        case .shepherdVersion(let oldest, let newest):
            Reason(
                .spawnFailed,
                "claudine-shepherd speaks protocol versions \(oldest) to \(newest), and this claudine another one",
                detail: .object(["fix": "install claudine and claudine-shepherd together"]))
        case .lockTaken(let directory):
            Reason(
                .spawnFailed, "another process holds \(directory)/alive.lock",
                detail: .object(["fix": .string("find it with fuser -v \(directory)/alive.lock")]))
        case .shepherdSilent(let path):
            Reason(
                .spawnFailed, "claudine-shepherd at \(path) ended or fell silent before it was ready",
                detail: .object(["fix": "see shepherd.log in the attempt's directory"]))
        case .resources(let what, let code):
            Reason(
                .spawnResources, "the kernel gave no \(what): \(Self.text(code))",
                detail: .object(["errno": .integer(Int64(code))]))
        case .probe(let error):
            Reason(
                .spawnFailed,
                "this machine cannot be examined: step \(error.stage) failed with \(Self.text(error.errno))",
                detail: .object([
                    "errno": .integer(Int64(error.errno)), "stage": .string("\(error.stage)"),
                    "index": .integer(Int64(error.index)),
                ]))
        case .machine(let what):
            Reason(.spawnFailed, "this machine cannot be examined: \(what)")
        case .file(let path, let code):
            Reason(
                .spawnFailed, "\(path) cannot be made or opened: \(Self.text(code))",
                detail: .object(["errno": .integer(Int64(code))]))
        }
    }

    static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
