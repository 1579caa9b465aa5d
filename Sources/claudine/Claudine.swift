import ArgumentParser
import Glibc

/// The command line: everything `claudine` can be asked to do.
@main
struct Claudine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claudine",
        abstract: "Runs coding agents that nobody watches, each in a cage that the kernel keeps.",
        discussion: """
            claudine run PROMPT runs an agent, claudine run -- COMMAND any command, in the same cage and with the same record.
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Tasks:",
                subcommands: [
                    Run.self, Retry.self, Resume.self, List.self, Status.self, Logs.self, Wait.self, Cancel.self,
                    Remove.self, Events.self, Approve.self,
                ]),
            CommandGroup(
                name: "Setup:",
                subcommands: [
                    Serve.self, MCPCommand.self, Doctor.self, PolicyCommand.self, AgentCommand.self, ConfigCommand.self,
                ]),
            CommandGroup(name: "About:", subcommands: [VersionCommand.self, Completions.self]),
        ]
    )

    static func main() async {
        StandardDescriptors.open()
        Inherited.tame()
        do {
            let arguments = try RawArguments.checked()
            do {
                var command = try parseAsRoot(
                    RawArguments.withShortCommand(RawArguments.withoutGlobalOptions(arguments)))
                try await start(&command)
            } catch {
                try finish(error, arguments)
            }
        } catch {
            Exit.failing(error, asJSON: false)
        }
    }

    private static func start(_ command: inout any ParsableCommand) async throws {
        do {
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as Failure {
            throw error
        } catch {
            guard let failure = Failure(error, exits: command is any ExitsAsTheTaskDid ? .asTask : .asCommand) else {
                throw error
            }
            throw failure
        }
    }

    /// What a command threw is a failure of ours, an exit code, or the parser's: help that was asked for, or a usage error.
    private static func finish(_ error: any Error, _ arguments: [String]) throws -> Never {
        let asJSON = RawArguments.options(arguments).contains("--json")
        if let failure = error as? Failure { Exit.failing(failure, asJSON: asJSON) }
        if let code = error as? ExitCode { Exit.with(code.rawValue) }
        if exitCode(for: error) == .success {
            try StandardOutput.write(fullMessage(for: error) + "\n")
            Exit.with(0)
        }
        Exit.failing(Failure.usage(message(for: error), usage: usage(of: error)), asJSON: asJSON)
    }

    /// The line that says how the command is written, out of the parser's message.
    private static func usage(of error: any Error) -> String? {
        fullMessage(for: error).split(separator: "\n").first { $0.hasPrefix("Usage: ") }.map { $0.dropFirst(7) }
            .map(String.init)
    }
}

/// A command whose exit code is that of a task, so that every failure of ours is 125.
protocol ExitsAsTheTaskDid {}
