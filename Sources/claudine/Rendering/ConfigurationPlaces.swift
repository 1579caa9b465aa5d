import Agents
import ArgumentParser
import Foundation
import Gateway
import Policy
import Store

/// Where the configuration is; every command that needs it has this option.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read config.toml and policies/ from this directory.", valueName: "dir"))
    var config: String?

    func places() throws -> ConfigurationPlaces { ConfigurationPlaces(environment: try environment) }

    /// This process's environment, in which the directory that was given counts as configured.
    var environment: [String: String] {
        get throws {
            var environment = Environment.current
            if let config {
                guard !config.isEmpty else { throw ValidationError("--config is given as an empty name") }
                environment["CLAUDINE_CONFIG_DIR"] = URL(fileURLWithPath: config).path
            }
            return environment
        }
    }
}

/// The directories that configuration is read from: the user's own first, then the machine's.
struct ConfigurationPlaces {
    let policies: PolicyLibrary

    init(environment: [String: String]) {
        policies = PolicyLibrary(environment: environment)
    }

    var directories: [String] { policies.directories.map { String($0.dropLast("/policies".count)) } }

    /// The `config.toml` in force: the first there is; nil where everything has its default.
    var file: String? {
        directories.map { $0 + "/config.toml" }.first { path in
            // A dangling link is to be refused as a link, not overlooked.
            var status = stat()
            return lstat(path, &status) == 0
        }
    }

    /// Its text, whatever it says; empty where there is none.
    func text() throws -> String {
        guard let file else { return "" }
        return try TrustedFile.read(file)
    }

    func read() throws -> Configuration {
        guard let file else { return Configuration() }
        return try Configuration(text: TrustedFile.read(file), file: file)
    }
}

/// What `config.toml` says.
struct Configuration {
    private(set) var settings = OperatorConfiguration.none
    private(set) var agents = AgentLibrary.builtIn

    init() {}

    /// - Throws: `refused.config` with file and line, whichever part is wrong.
    init(text: String, file: String) throws {
        settings = try OperatorConfiguration(text: text, file: file)
        agents = try AgentLibrary(configuration: text, file: file)
        try Self.checkGateway(settings)
    }

    /// The spelling of what only the gateway understands.
    private static func checkGateway(_ settings: OperatorConfiguration) throws(PolicyError) {
        do throws(GatewayError) {
            _ = try settings.upstream.map { text throws(GatewayError) in try UpstreamAddress.parse(text) }
        } catch {
            throw settings.refusal(
                of: "gateway.upstream", error.message, bound: "http(s)://HOST[:PORT][/PATH]", found: "another text",
                hint: error.hint)
        }
        do throws(GatewayError) {
            _ = try CredentialSource.parse(settings.credential)
        } catch {
            throw settings.refusal(
                of: "gateway.credential", error.message, bound: "auto, env:NAME or file:/PATH", found: "another text",
                hint: error.hint)
        }
    }
}
