/// One key of config.toml: what it means, what it may be, and how it is read.
///
/// The keys that the loader accepts, `config show --effective` and docs/configuration.md are made from `ConfigurationKey.all`, so that
/// none of them knows a key that another does not. The tables `[agents.NAME]` belong to the agent library.
package struct ConfigurationKey: Sendable {
    /// Dotted, as in `queue.max_running`.
    package let name: String
    /// What the file may say, for people.
    package let accepted: String
    /// What holds where the file says nothing, for people.
    package let standard: String
    /// One phrase: what is decided.
    package let meaning: String
    package let value: @Sendable (OperatorConfiguration) -> ConfigurationValue
    /// Reads the key from its table, in which it is.
    let read: @Sendable (PolicyTable, inout OperatorConfiguration) throws(PolicyError) -> Void

    /// - Parameter standard: where the default is no fixed value.
    private init<Value>(
        _ name: String, _ path: any WritableKeyPath<OperatorConfiguration, Value> & Sendable,
        _ type: ConfigurationType<Value>, standard: String? = nil, _ meaning: String
    ) {
        self.name = name
        self.meaning = meaning
        accepted = type.accepted
        self.standard = standard ?? "`\(type.show(OperatorConfiguration.none[keyPath: path]).toml)`"
        value = { type.show($0[keyPath: path]) }
        let key = String(name.drop { $0 != "." }.dropFirst())
        read = { table, configuration throws(PolicyError) in
            configuration[keyPath: path] = try type.read(table, key)
        }
    }

    package var section: String { String(name.prefix { $0 != "." }) }
    package var key: String { String(name.dropFirst(section.count + 1)) }

    /// In the order of `all`, each once.
    package static let sections = all.map(\.section).reduce(into: [String]()) { sections, section in
        if sections.last != section { sections.append(section) }
    }

    package static let all = defaults + gateway + queue + admission + serve

    private static let defaults = [
        ConfigurationKey(
            "defaults.policy", \.defaultPolicy, .text("a policy's name, or a file with a `/` or `.toml` in it"),
            "the policy of a task that names none"),
        ConfigurationKey(
            "defaults.agent", \.defaultAgent, .text("an agent's name"), "the agent of a task that names none"),
    ]

    private static let gateway = [
        ConfigurationKey(
            "gateway.upstream", \.upstream, .optionalText("`\"http(s)://HOST[:PORT][/PATH]\"`"),
            standard: "the caller's `ANTHROPIC_BASE_URL`, else the public API",
            "where requests to the model are forwarded to"),
        ConfigurationKey(
            "gateway.credential", \.credential, .text("`\"auto\"`, `\"env:NAME\"`, `\"file:/PATH\"`"),
            "where the key comes from that the gateway adds; never the key itself"),
    ]

    private static let queue = [
        ConfigurationKey(
            "queue.max_running", \.queue.maxRunning, .integer(QueueConfiguration.running),
            standard: "eight times the number of processors, at least 64",
            "how many attempts run at a time, those of all processes on one state directory together"),
        ConfigurationKey(
            "queue.max_length", \.queue.maxLength, .integer(QueueConfiguration.length),
            "how many tasks may be queued or blocked; one more is refused"),
        ConfigurationKey(
            "queue.retention", \.queue.retention, .quantity(QueueConfiguration.keeping),
            "how long an ended task is kept; then its record and its files are removed"),
    ]

    private static let admission = [
        ConfigurationKey(
            "admission.memory_reserve", \.admission.memoryReserve, .quantity(AdmissionConfiguration.reserve),
            "memory that has to stay available beside what the next attempt is expected to use"),
        ConfigurationKey(
            "admission.disk_reserve", \.admission.diskReserve, .quantity(AdmissionConfiguration.reserve),
            "space that stays free on the file systems of the state directory and of the workspaces"),
        ConfigurationKey(
            "admission.memory_pressure", \.admission.memoryPressure,
            .integerOrUnlimited(AdmissionConfiguration.pressure),
            "percent of ten seconds in which something waited for memory, from which on nothing more is started"),
        ConfigurationKey(
            "admission.cpu_pressure", \.admission.cpuPressure, .integerOrUnlimited(AdmissionConfiguration.pressure),
            "the same for a processor, from which on there is only one start every five seconds"),
        ConfigurationKey(
            "admission.io_pressure", \.admission.ioPressure, .integerOrUnlimited(AdmissionConfiguration.pressure),
            "percent of ten seconds in which everything waited for a disk, from which on nothing more is started"),
        ConfigurationKey(
            "admission.start_rate", \.admission.startRate, .integerOrUnlimited(AdmissionConfiguration.rate),
            "by how many a second the number of running attempts may grow"),
        ConfigurationKey(
            "admission.start_burst", \.admission.startBurst, .integer(AdmissionConfiguration.burst),
            "how many starts need not wait for that"),
    ]

    private static let serve = [
        ConfigurationKey(
            "serve.idle_exit", \.serve.idleExit, .quantity(ServeConfiguration.idle),
            "after how long without work a daemon leaves that was started on demand"),
        ConfigurationKey(
            "serve.on_stop", \.serve.onStop, .choice,
            "what SIGTERM does to running tasks: they go on to their end, are stopped, or are stopped and queued again"),
        ConfigurationKey(
            "serve.log_level", \.serve.logLevel, .choice, "the least that is written to the daemon's log"),
    ]
}
