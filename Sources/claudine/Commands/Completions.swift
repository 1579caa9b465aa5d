import ArgumentParser

/// `claudine completions`: the script that makes a shell complete the command line.
struct Completions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Print a completion script for a shell.",
        discussion: "bash: claudine completions bash > ~/.local/share/bash-completion/completions/claudine")

    /// The shells that the parser writes scripts for.
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish

        var script: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    @Argument(help: "The shell.")
    var shell: Shell

    func run() throws {
        try StandardOutput.write(Claudine.completionScript(for: shell.script) + "\n")
    }
}
