import ArgumentParser
import Store

/// `claudine version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        try Answer(asJSON: json).write(["version": Version.number]) { Version.text + "\n" }
    }
}
