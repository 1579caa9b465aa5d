/// What `config.toml` says besides its agents: which defaults hold and where the gateway leads.
package struct OperatorConfiguration: Equatable, Sendable {
    package var defaultPolicy = PolicyLibrary.defaultName
    package var defaultAgent = "claude"
    /// `http(s)://HOST[:PORT][/PATH]`; nil leaves it to the caller's ANTHROPIC_BASE_URL and the public API.
    package var upstream: String?
    /// `auto`, `env:NAME` or `file:PATH`.
    package var credential = "auto"

    package static let none = OperatorConfiguration()

    private init() {}

    /// - Parameters:
    ///   - text: the file; its `[agents.NAME]` tables are the agent library's business.
    ///   - file: what to call it in errors.
    /// - Throws: `refused.config` with file, line, key, bound and what was found.
    package init(text: String, file: String) throws(PolicyError) {
        let source = try PolicySource(file: file, text: text)
        let root = try PolicyTable(source).only(["defaults", "gateway", "agents"])
        let defaults = try root.table("defaults").only(["policy", "agent"])
        let gateway = try root.table("gateway").only(["upstream", "credential"])
        defaultPolicy = try defaults.text("policy", inherit: defaultPolicy)
        defaultAgent = try defaults.text("agent", inherit: defaultAgent)
        upstream = gateway.has("upstream") ? try gateway.text("upstream") : nil
        credential = try gateway.text("credential", inherit: credential)
    }
}
