import ArgumentParser
import Foundation
import MCPClients
import Store

/// Which clients' files are meant, and what may be done to them.
struct ClientOptions: ParsableArguments {
    @Option(
        name: .customLong("client"),
        help: ArgumentHelp("One of \(ClientProgram.names) (repeatable; default: those found here).", valueName: "name"))
    var names: [ClientProgram] = []

    @Option(
        help: ArgumentHelp(
            "user: everywhere; project: for all in this directory; local: for you in this project (Claude Code only).",
            valueName: "scope"))
    var scope = ClientProgram.Scope.user

    @Option(help: ArgumentHelp("What the clients call the server.", valueName: "name"))
    var name = "claudine"

    @Flag(help: "Do not ask.")
    var yes = false

    @Flag(help: "Show what would change, and change nothing.")
    var dryRun = false

    @Flag(help: "Print one JSON object.")
    var json = false

    /// As tools are known by the server's name, too, and Cursor takes 60 characters for both, ours being up to 24 long.
    func validate() throws {
        guard name.wholeMatch(of: /[A-Za-z0-9_-]{1,32}/) != nil else {
            throw ValidationError("--name takes 1 to 32 letters, digits, '-' and '_'")
        }
    }

    var surroundings: Surroundings {
        Surroundings(environment: Environment.current, directory: FileManager.default.currentDirectoryPath)
    }

    /// Each once, in the order of the table, and what it was found by where nobody named it.
    func chosen() throws -> [(client: ClientProgram, trace: String?)] {
        let all = ClientProgram.allCases
        guard names.isEmpty else { return all.filter(names.contains).map { ($0, nil) } }
        // What no client but one has is not asked of the others.
        let candidates = scope == .local ? [.claude] : all
        let found = try candidates.compactMap { client in try client.trace(in: surroundings).map { (client, $0) } }
        guard !found.isEmpty else {
            throw Failure(
                "mcp.noClient", "None of the clients that are known here was found: \(ClientProgram.names).",
                hint: "name one with --client; --print shows what its file has to say", exitCode: ExitCodes.no)
        }
        if !json {
            for (client, trace) in found { StandardError.say("found \(client.title): \(trace)") }
        }
        return found
    }
}

extension ClientProgram: ExpressibleByArgument {
    static let names = allCases.map(\.rawValue).joined(separator: ", ")
}

extension ClientProgram.Scope: ExpressibleByArgument {}

/// Changes that were planned: shown, agreed to, and made.
struct ChangesToFiles {
    var changes: [Change]
    var options: ClientOptions

    private struct Outcome: Encodable {
        struct Row: Encodable {
            var client: String
            var scope: String
            var file: String
            /// Where the file leads over symbolic links.
            var target: String?
            var action: String
            var diff: String?
        }

        var applied: Bool
        var changes: [Row]
    }

    private var pending: [Change] { changes.filter { $0.kind != .none } }

    func settle() throws {
        if !options.json { try changes.forEach(show) }
        guard !pending.isEmpty, !options.dryRun else { return try finish(applied: false) }
        guard try options.yes || isAgreedTo() else {
            throw Failure("mcp.notConfirmed", "Nothing was changed.", exitCode: ExitCodes.no)
        }
        for change in pending { try change.apply() }
        try finish(applied: true)
    }

    private func isAgreedTo() throws -> Bool {
        guard !options.json, isatty(STDIN_FILENO) == 1, StandardOutput.isTerminal else {
            throw Failure(
                "mcp.notConfirmed", "Nothing was changed: nobody can be asked here.",
                hint: "--yes does it without asking, --dry-run only shows it",
                detail: try JSONText.decode(JSONValue.self, from: JSONText.encode(outcome(applied: false))),
                exitCode: ExitCodes.no)
        }
        StandardError.write(pending.count == 1 ? "Do this? [y/N] " : "Change these \(pending.count) files? [y/N] ")
        let answer = readLine()?.trimmingCharacters(in: .whitespaces).lowercased()
        return answer == "y" || answer == "yes"
    }

    // MARK: What is said

    private func finish(applied: Bool) throws {
        try Answer(asJSON: options.json).write(outcome(applied: applied)) {
            applied ? pending.map { "\($0.kind == .remove ? "removed" : "wrote") \($0.path.oneLine)\n" }.joined() : ""
        }
    }

    private func outcome(applied: Bool) -> Outcome {
        Outcome(
            applied: applied,
            changes: changes.map { change in
                .init(
                    client: change.client.rawValue, scope: options.scope.rawValue, file: change.path,
                    target: change.isLink ? change.target : nil, action: change.kind.rawValue,
                    diff: change.kind == .none ? nil : change.difference)
            })
    }

    private func show(_ change: Change) throws {
        if change.isLink { StandardError.say("\(change.path) is a link to \(change.target), which is what is written") }
        guard change.kind != .none else {
            return try StandardOutput.write("\(change.client.title): nothing to do in \(change.path.oneLine)\n")
        }
        // For another program it has to be exact.
        guard StandardOutput.isTerminal else { return try StandardOutput.write(change.difference) }
        for line in change.difference.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let text = String(line).oneLine.shortened(to: 200)
            let colour: Colour? =
                line.hasPrefix("+") ? .green : line.hasPrefix("-") ? .red : line.hasPrefix("@") ? .dim : nil
            try StandardOutput.write((colour?.paint(text) ?? text) + "\n")
        }
    }
}
