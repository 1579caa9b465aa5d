import Glibc

/// The arguments as they were given, before anybody repairs them.
enum RawArguments {
    /// Without the program's name; an argument that is no UTF-8 is a usage error, never a replacement character.
    static func checked() throws(Failure) -> [String] {
        var arguments: [String] = []
        for number in 1..<max(1, Int(CommandLine.argc)) {
            guard let pointer = CommandLine.unsafeArgv[number] else { break }
            guard let text = String(validatingCString: pointer) else {
                throw .usage("Argument \(number) is not valid UTF-8.", usage: nil)
            }
            arguments.append(text)
        }
        return arguments
    }

    /// The command behind `--`, as it was given.
    static func command() throws(Failure) -> [String] {
        let arguments = try checked()
        guard let terminator = arguments.firstIndex(of: "--") else { return [] }
        return Array(arguments[(terminator + 1)...])
    }

    /// Of a command to be run only its first word: the parser's time grows with the square of the number of words, and what is
    /// behind `--` is none of its business. `Run` takes the whole from `command()`.
    static func withShortCommand(_ arguments: [String]) -> [String] {
        guard arguments.first == "run", let terminator = arguments.firstIndex(of: "--") else { return arguments }
        return Array(arguments.prefix(terminator + 2))
    }

    /// What may be an option of ours: everything before `--`.
    static func options(_ arguments: [String]) -> some Sequence<String> {
        arguments.prefix { $0 != "--" }
    }

    /// Options that may also stand before the command, where they mean what the environment could have said.
    private static let global = ["--state-dir": "CLAUDINE_STATE_DIR", "--config": "CLAUDINE_CONFIG_DIR"]

    /// Moves leading global options into the environment and returns the rest. Nobody has looked at the environment yet.
    static func withoutGlobalOptions(_ arguments: [String]) throws(Failure) -> [String] {
        var rest = arguments[...]
        while let first = rest.first {
            let parts = first.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let variable = global[parts[0]] else { break }
            rest.removeFirst()
            guard let value = parts.count == 2 ? parts[1] : rest.popFirst(), !value.isEmpty else {
                throw .usage("\(parts[0]) needs a directory.", usage: nil)
            }
            setenv(variable, value, 1)
        }
        return Array(rest)
    }
}
