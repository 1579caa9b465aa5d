import ArgumentParser
import Foundation
import MCP
import Policy
import Store
import Supervision

/// `claudine mcp` (`claudine mcp serve`): serves one client on standard input and output.
struct ServeMCP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve an MCP client on standard input and output.",
        discussion: """
            Delegated tasks wait in the queue and are run by the daemon, which is started where there is none: they go on when this \
            process ends. A client can only narrow what the options here allow. Words for people go to standard error.
            """)

    @Option(help: ArgumentHelp("The widest policy that a delegated task may have.", valueName: "name"))
    var maxPolicy: String?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "A directory in or below which tasks work (repeatable; default: the current one).", valueName: "dir"))
    var root: [String] = []

    @Option(parsing: .unconditional, help: ArgumentHelp("Tasks of this client that run at a time.", valueName: "n"))
    var maxRunning = 8

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A policy that a person has to agree to for each task (repeatable).", valueName: "name"))
    var ask: [String] = []

    @Option(
        help: ArgumentHelp(
            "Whose tasks these are: a client sees only those that were delegated under its name.", valueName: "name"))
    var client = "mcp"

    @Flag(help: "Offer completion of arguments; some clients then show no tools.")
    var completions = false

    @OptionGroup var state: StateOptions
    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        guard (1...256).contains(maxRunning) else {
            throw ValidationError("--max-running \(maxRunning): it is a whole number from 1 to 256")
        }
        guard (1...64).contains(client.utf8.count), client.utf8.allSatisfy(Self.isPlain) else {
            throw ValidationError("--client has 1 to 64 of letters, digits, . _ - :")
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: Array("._-:".utf8).contains(byte)
        }
    }

    func run() async throws {
        let delegation = try delegation()
        let transport = try StdioTransport.takingStandardStreams(
            server: delegation.server(completes: completions), principal: client)
        try await transport.run()
    }

    func delegation() throws -> Delegation {
        let caller = try configuration.caller()
        let ceiling = maxPolicy ?? caller.configuration.defaultPolicy
        for name in [ceiling] + ask {
            guard !PolicyLibrary.isFile(name) else {
                throw ValidationError("'\(name)': a ceiling is a policy's name, not a file")
            }
            _ = try caller.policies.load(name)
        }
        return Delegation(
            client: client, grant: Grant(policy: ceiling, roots: try roots(caller), running: maxRunning),
            asked: Set(ask), places: .init(paths: try state.paths(), configuration: configuration))
    }

    private func roots(_ caller: Caller) throws -> [String] {
        try (root.isEmpty ? [caller.workingDirectory] : root).map { given in
            guard let root = WorkspaceCheck.root(given) else {
                throw Failure(
                    "refused.workspace", "--root \(given) does not exist.", hint: "make the directory first",
                    exitCode: ExitCodes.usage)
            }
            return root
        }
    }
}

extension Delegation {
    func server(completes: Bool) -> Server {
        let tools = tools
        let prompts = prompts
        var server = Server(
            info: Implementation(name: "claudine", version: Version.number, title: "Claudine"),
            instructions: Self.instructions, tools: { tools }, resources: resources, prompts: { prompts })
        server.tasks = self.tasks
        server.changes = changes
        if completes { server.completion = completion }
        server.report = { reference, error in
            StandardError.say("a tool failed (reference \(reference)): \(error)")
        }
        return server
    }

    /// Ids, policies and directories, as far as they are typed.
    private var completion: Completion {
        { [self] request, _ in
            let all: [String]
            switch request.argument {
            case "taskId":
                all = try store().list(TaskFilter(limit: 100, client: client)).filter(isVisible).map(\.taskId.text)
            case "policy": all = try caller().policies.list().map(\.name)
            case "workspace": all = grant.roots
            default: all = []
            }
            return all.filter { $0.hasPrefix(request.value) }
        }
    }
}
