import Toml

/// What `config.toml` says besides its agents: which defaults hold, where the gateway leads, what is queued and admitted, and how the
/// daemon behaves.
///
/// `ConfigurationKey.all` says what each key means and may be; docs/configuration.md is made from it.
package struct OperatorConfiguration: Equatable, Sendable {
    /// A name, or a file where there is a `/` or `.toml` in it.
    package var defaultPolicy = PolicyLibrary.defaultName
    package var defaultAgent = "claude"
    /// `http(s)://HOST[:PORT][/PATH]`; nil leaves it to the caller's ANTHROPIC_BASE_URL and the public API.
    package var upstream: String?
    /// `auto`, `env:NAME` or `file:PATH`.
    package var credential = "auto"
    package var queue = QueueConfiguration()
    package var admission = AdmissionConfiguration()
    package var serve = ServeConfiguration()

    /// Nil where there is no file.
    private var source: PolicySource?

    package static let none = OperatorConfiguration()

    private init() {}

    /// - Parameters:
    ///   - text: the file; its `[agents.NAME]` tables are the agent library's business.
    ///   - file: what to call it in errors.
    /// - Throws: `refused.config` with file, line, key, bound and what was found.
    package init(text: String, file: String) throws(PolicyError) {
        let source = try PolicySource(file: file, text: text)
        self.source = source
        let root = try PolicyTable(source).only(ConfigurationKey.sections + ["agents"])
        // Before any value, so that a misspelt key is reported as such.
        for section in ConfigurationKey.sections {
            _ = try root.table(section).only(ConfigurationKey.all.filter { $0.section == section }.map(\.key))
        }
        for key in ConfigurationKey.all where source.says(key.name) {
            try key.read(try root.table(key.section), &self)
        }
    }

    /// The line on which the file says something, by its dotted key; nil where it does not.
    package func line(of key: String) -> Int? { source?.value(key)?.line }

    /// A value of the file that turned out to be wrong when it was looked at more closely than can be done here.
    ///
    /// - Parameter found: never a secret: a key is easily written where its source belongs.
    package func refusal(
        of key: String, _ message: String, bound: String, found: String, hint: String? = nil
    ) -> PolicyError {
        source?.failure(key, message, bound: bound, found: found, hint: hint)
            ?? PolicyError(
                .config, "\(key): \(message)", hint: hint, detail: ["key": key, "bound": bound, "found": found])
    }
}
