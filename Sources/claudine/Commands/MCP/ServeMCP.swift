import ArgumentParser
import Foundation
import MCP
import MCPHTTP
import Policy
import Store
import Supervision

/// `claudine mcp` (`claudine mcp serve`): serves one client on standard input and output.
struct ServeMCP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve an MCP client on standard input and output, or several over HTTP or a socket.",
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

    @Option(
        help: ArgumentHelp(
            "Serve over HTTP at this address of loopback instead; port 0 is any that is free.", valueName: "[host:]port"
        ))
    var http: String?

    @Option(help: ArgumentHelp("Serve on a unix socket at this path instead.", valueName: "path"))
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "The file with the token that HTTP clients have to send; it is made when there is none (default: mcp-token in the state directory).",
            valueName: "file"))
    var tokenFile: String?

    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("A web page's origin that may use HTTP (repeatable; default: none).", valueName: "origin"))
    var origin: [String] = []

    @Flag(help: "Offer completion of arguments; some clients then show no tools.")
    var completions = false

    @OptionGroup var state: StateOptions
    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        guard (1...256).contains(maxRunning) else {
            throw ValidationError("--max-running \(maxRunning): it is a whole number from 1 to 256")
        }
        if let http, ListenAddress(http)?.isLoopback != true {
            throw ValidationError("--http \(http): it is a port, or an address of loopback and a port")
        }
        guard http == nil || socket == nil else { throw ValidationError("--http and --socket exclude each other") }
        guard http != nil || (tokenFile == nil && origin.isEmpty) else {
            throw ValidationError("--token-file and --origin are for --http")
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
        if let http, let address = ListenAddress(http) { return try await serve(delegation, at: address) }
        if let socket { return try await serve(delegation, on: socket) }
        if isatty(STDIN_FILENO) == 1 {
            StandardError.say("waiting for an MCP client on standard input; claudine mcp install sets one up")
        }
        let transport = try StdioTransport.takingStandardStreams(
            server: delegation.server(completes: completions), principal: client)
        try await transport.run()
    }

    private func serve(_ delegation: Delegation, on socket: String) async throws {
        do {
            try await UnixSocketTransport(server: delegation.server(completes: completions), path: socket)
                .run { StandardError.say("serving \(socket)") }
        } catch {
            throw Failure(
                "mcp.socket", error.description, hint: "choose another path, in a directory of yours alone",
                exitCode: ExitCodes.no)
        }
    }

    private func serve(_ delegation: Delegation, at address: ListenAddress) async throws {
        let paths = delegation.places.paths
        if tokenFile == nil { _ = try delegation.store() }
        let file = TokenFile(tokenFile ?? "\(paths.directory)/mcp-token")
        do {
            let transport = try HTTPTransport(
                server: delegation.server(completes: completions), address: address, token: try file.token(),
                origins: origin)
            try await transport.run { url in
                StandardError.say("serving \(url); clients send the token in \(file.path): Authorization: Bearer TOKEN")
            }
        } catch let error as TokenFile.Unusable {
            throw Failure("mcp.token", error.description, exitCode: ExitCodes.configuration)
        } catch let error as HTTPTransport.Unavailable {
            throw Failure("mcp.address", error.description, hint: "choose another port", exitCode: ExitCodes.no)
        }
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
        server.onRefusal = { refusal in
            StandardError.say("what a client sent is no message: \(refusal.error.message.oneLine)")
        }
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
