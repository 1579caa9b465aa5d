import Store

/// What came of one probe under a policy.
struct ProbeVerdict: Encodable {
    enum Control: String, Encodable {
        /// The same attack succeeds on this machine where nothing hinders it.
        case works
        /// This kernel or machine has no such thing to attack.
        case absent
        /// It fails outside as well: this machine refuses it to this user.
        case refused
        /// Nowhere is it safe to let it succeed, or not as this user.
        case notTried

        var words: String {
            switch self {
            case .works: "works here"
            case .absent: "not on this machine"
            case .refused: "refused here too"
            case .notTried: "not tried"
            }
        }
    }

    enum Result: String, Encodable {
        case held
        case breach
        /// The policy uses no mechanism that would stop it.
        case allowed
        /// It needs a target that is not here, or would reach the host.
        case notTried
    }

    var name: String
    var row: String
    var topic: String
    var tries: String
    var control: Control
    /// The battery's own words: `denied EPERM`, `killed SYS`, `worked`, …
    var answer: String
    var result: Result
    /// The mechanism that held.
    var by: Wall?

    init(_ probe: Probe, control: String?, answer: String, wall: Wall?) {
        name = probe.name
        row = probe.row
        topic = probe.topic
        tries = probe.tries
        self.control = Self.control(probe, control)
        self.answer = answer
        switch answer {
        case "unsafe", "nothing":
            result = wall == nil && answer == "unsafe" ? .allowed : .notTried
        case _ where probe.isRefusal(answer):
            result = .held
            by = wall ?? .permissions
        default:
            result = wall == nil ? .allowed : .breach
        }
    }

    private static func control(_ probe: Probe, _ answer: String?) -> Control {
        switch answer {
        case nil, "unsafe": .notTried
        case "worked": .works
        case "nothing": .absent
        case .some(let answer):
            absences.contains(answer) || (answer == "denied ENOENT" && probe.path != nil)
                || (probe.topic == "devices" && hardware.contains(answer)) ? .absent : .refused
        }
    }

    /// What a kernel may be built without, and hardware that is not there.
    private static let absences: Set = [
        "denied ENOSYS", "denied EAFNOSUPPORT", "denied EPROTONOSUPPORT", "denied ESOCKTNOSUPPORT", "denied EOPNOTSUPP",
        "denied ENOEXEC", "killed SEGV",
    ]
    private static let hardware: Set = ["denied ENOENT", "denied ENXIO", "denied ENODEV", "denied EBUSY"]
}
