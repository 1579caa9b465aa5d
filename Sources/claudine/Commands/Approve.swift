import ArgumentParser
import Store

/// `claudine approve`: a person's word on what a client wants to have done.
struct Approve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Agree to a task that a client has asked for, or refuse it.",
        discussion: """
            A policy that claudine mcp was told to --ask for needs a person's consent to each task. A client that cannot ask says \
            which id to give here; then it makes the same call again. Without an id it lists what waits for a word.
            """)

    @Argument(help: ArgumentHelp("The approval's id.", valueName: "id"))
    var id: String?

    @Flag(help: "Refuse it.")
    var deny = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var options: StateOptions

    func validate() throws {
        if deny, id == nil { throw ValidationError("name what is to be refused") }
    }

    func run() throws {
        let store = try Store.open(options.paths())
        guard let id else {
            let open = try store.approvals().filter { $0.state == .open }
            return try Answer(asJSON: json).write(Approvals(approvals: open)) {
                open.isEmpty ? "nothing waits for a word\n" : open.map(Self.line).joined()
            }
        }
        switch try store.decide(id, isApproved: !deny) {
        case .decided(let approval): try Answer(asJSON: json).write(approval) { Self.line(approval) }
        case .notOpen(let approval):
            throw Failure(
                "approval.closed", "The approval \(id) is \(approval.state.rawValue).",
                hint: "the client has to ask again", exitCode: ExitCodes.wrongState)
        case .none:
            throw Failure(
                "approval.unknown", "There is no approval '\(id.oneLine)'.", hint: "claudine approve lists them",
                exitCode: ExitCodes.noSuchTask)
        }
    }

    private struct Approvals: Encodable {
        var approvals: [Approval]
    }

    private static func line(_ approval: Approval) -> String {
        "\(approval.approvalId)  \(approval.state.rawValue)  until \(approval.expiresAt.rfc3339)  \(approval.client): \(approval.summary.oneLine)\n"
    }
}
