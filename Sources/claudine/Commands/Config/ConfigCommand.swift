import ArgumentParser
import Policy
import Store

/// `claudine config`
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show and check the configuration.",
        subcommands: [ConfigPath.self, ShowConfig.self, CheckConfig.self, ConfigReference.self])
}

/// `claudine config path`: where things are read from and kept.
struct ConfigPath: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "path", abstract: "Print where configuration and state are.")

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions
    @OptionGroup var state: StateOptions

    func run() throws {
        let places = try configuration.places()
        let answer = Places(
            directories: places.directories, file: places.file, state: try state.paths().directory)
        try Answer(asJSON: json).write(answer) {
            places.directories.map { "configuration  \($0)\n" }.joined()
                + "file           \(places.file ?? "none, everything has its default")\n"
                + "state          \(answer.state)\n"
        }
    }

    private struct Places: Encodable {
        var directories: [String]
        var file: String?
        var state: String
    }
}
