internal import CCage
internal import ShepherdProtocolEmbedded

/// Descriptors the supervisor leaves open; docs/protocol.md, "Transport".
enum Inherited {
    static let commands: Int32 = 3
    static let reports: Int32 = 4
    static let attemptDirectory: Int32 = 5
    static let handoff: Int32 = 6
    static let standardInput: Int32 = 7
}

@main
enum Main {
    static func main() {
        for descriptor in [
            Inherited.commands, Inherited.reports, Inherited.attemptDirectory, Inherited.handoff,
            Inherited.standardInput,
        ] where cage_set_close_on_exec(descriptor) < 0 {
            write(standardError: "claudine-shepherd is started by claudine, not by hand\n")
            exit(64)
        }
        // A supervisor that is gone is seen as EPIPE and handled; it must not kill us.
        cage_ignore_broken_pipes()
        // What escapes a cage without a PID namespace comes to us instead of to the host's init.
        _ = cage_become_subreaper()
        _ = cage_set_nonblocking(Inherited.commands)
        _ = cage_set_nonblocking(Inherited.reports)
        let shepherd = Shepherd()
        exit(shepherd.run())
    }

    private static func write(standardError text: StaticString) {
        _ = CCage.write(2, text.utf8Start, text.utf8CodeUnitCount)
    }
}
