import Agents
import ArgumentParser
import Gateway
import Policy
import Store

/// `claudine config check`: whether everything that would be read can be.
struct CheckConfig: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the configuration file and every policy.",
        discussion: "Exits with 78 when something is invalid.")

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        let places = try configuration.places()
        let read = try places.read()
        try Self.checkCredential(read.settings)
        let agents = read.agents.all.map(\.name)
        try Self.checkAgent(read)
        let policies = try places.policies.list().map { try $0.result.get().policy.name }
        try Self.checkPolicy(read.settings, places.policies)
        let answer: JSONValue = [
            "file": places.file.map(JSONValue.string) ?? .null,
            "agents": .array(agents.map(JSONValue.string)), "policies": .array(policies.map(JSONValue.string)),
        ]
        try Answer(asJSON: json).write(answer) {
            "ok: \(places.file ?? "no config.toml"), \(agents.count) agents, \(policies.count) policies\n"
        }
    }

    /// What a run would only find out when it needs its gateway.
    private static func checkCredential(_ settings: OperatorConfiguration) throws(PolicyError) {
        do throws(GatewayError) {
            let environment = Environment.current
            _ = try CredentialSource.parse(settings.credential)
                .resolve(environment: environment, home: environment["HOME"])
        } catch {
            throw settings.refusal(
                of: "gateway.credential", error.message, bound: "a usable credential", found: "none", hint: error.hint)
        }
    }

    private static func checkAgent(_ read: Configuration) throws(PolicyError) {
        let name = read.settings.defaultAgent
        do throws(AgentError) {
            _ = try read.agents.agent(name)
        } catch {
            throw read.settings.refusal(
                of: "defaults.agent", error.message, bound: "an agent that there is", found: name, hint: error.hint)
        }
    }

    private static func checkPolicy(
        _ settings: OperatorConfiguration, _ policies: PolicyLibrary
    ) throws(PolicyError) {
        let name = settings.defaultPolicy
        do throws(PolicyError) {
            _ = try policies.load(name)
        } catch {
            throw settings.refusal(
                of: "defaults.policy", error.message, bound: "a policy that can be loaded", found: name,
                hint: error.hint)
        }
    }
}
