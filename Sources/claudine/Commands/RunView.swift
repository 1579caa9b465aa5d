import Agents
import Gateway
import Glibc
import OutputLog
import ShepherdProtocol
import Store
import Supervision
import Synchronization

/// What a foreground run shows: the worker's own bytes on stdout, the agent's steps and Claudine's words on stderr.
struct RunView: Sendable {
    let isAgent: Bool
    let json: Bool
    let streamJSON: Bool
    let verbose: Bool
    let quiet: Bool

    /// The errno that stdout ended with; a reader that is gone (EPIPE) is no failure.
    private static let unwritable = Atomic<Int32>(0)

    @Sendable func observer(_ prepared: PreparedAttempt) -> AttemptObserver {
        var observer = AttemptObserver()
        if !quiet {
            observer.onNotice = { StandardError.say($0) }
            if prepared.spec.agent == AgentDefinition.claude.name,
                prepared.gateway?.credential.kind == Credential.Kind.none
            {
                StandardError.say(
                    "warning: no credential was found; the gateway will answer 401 "
                        + "(set ANTHROPIC_API_KEY, or log in with claude)")
            }
        }
        guard !json else { return observer }
        let readsResult = prepared.format == .claudeStreamJSON
        let passesStdout = !readsResult || streamJSON
        observer.paced = passesStdout
        observer.onOutput = { piece in Self.pass(piece, stdout: passesStdout) }
        if readsResult, !streamJSON, !quiet, verbose || StandardError.isTerminal {
            let renderer = StepRenderer(width: Terminal.width, colour: StandardError.isTerminal && Colour.isWanted)
            observer.onStep = { step in
                if let line = renderer.line(step) { StandardError.write(line + "\n") }
            }
        }
        return observer
    }

    /// The end of it: the record or the agent's last words on stdout, and on stderr why it did not go well.
    func conclude(_ result: ForegroundRun.Result) throws {
        let record = result.record
        if json {
            try StandardOutput.write(JSONText.encode(record, pretty: StandardOutput.isTerminal) + "\n")
        } else if isAgent, !streamJSON, let text = record.result?.text, !text.isEmpty {
            try StandardOutput.write(text.hasSuffix("\n") ? text : text + "\n")
        }
        let error = Self.unwritable.load(ordering: .relaxed)
        guard error == 0 || error == EPIPE else {
            throw Failure(
                "output.unwritable", "Standard output cannot be written: \(String(cString: strerror(error))).",
                hint: "claudine logs \(record.taskId) has what was written", exitCode: ExitCodes.notRun)
        }
        if !quiet { for sentence in Violation.sentences(record.violations ?? []) { StandardError.say(sentence) } }
        guard let reason = record.reason, !quiet || record.state == .refused else { return }
        // Whoever stopped reading knows why.
        if reason.code == .cancelledClient, error == EPIPE { return }
        // A command's own exit is its own business, as in any shell.
        if record.command != nil, reason.code == .exitNonzero || reason.code == .exitSignal { return }
        var hint = result.hint ?? reason.detail?["fix"]?.stringValue
        if record.state != .refused, hint == nil { hint = "claudine status \(record.taskId) has the record" }
        StandardError.write(
            Failure(reason.code.rawValue, reason.message, hint: hint, exitCode: 0).text)
    }

    /// - Returns: false when stdout takes no more.
    private static func pass(_ piece: OutputPiece, stdout: Bool) -> Bool {
        switch piece {
        case .data(.stdout, let bytes, _):
            guard stdout else { return true }
            let error = writeAll(bytes, to: STDOUT_FILENO)
            unwritable.store(error, ordering: .relaxed)
            return error == 0
        case .data(.stderr, let bytes, _):
            _ = writeAll(bytes, to: STDERR_FILENO)
            return true
        case .gap(let stream, let from, let to):
            StandardError.say("\(to - from) bytes of \(stream) were not kept")
            return true
        }
    }
}

/// The width of the terminal behind stderr, in columns.
enum Terminal {
    static let width: Int = {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
        return Int(size.ws_col)
    }()
}
