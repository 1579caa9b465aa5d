import ArgumentParser
import Policy
import Store
import Supervision

/// `claudine policy show`: a policy as it is written, as values, or as what it comes to here.
struct ShowPolicy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print a policy: its file, its values, or what it comes to here.",
        discussion: """
            --effective shows every field with its value and what enforces it on this machine, then what of the file system is there \
            and why, what can be reached, how many system calls are let through, and the resource limits.
            """)

    @Argument(
        help: ArgumentHelp("A policy's name, or a file (with a / or .toml in it).", valueName: "name"),
        completion: .list(PolicyLibrary.builtInNames))
    var name: String

    @Flag(help: "What it comes to on this machine.")
    var effective = false

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("In this workspace, whose own file may tighten it; implies --effective.", valueName: "dir"),
        completion: .directory)
    var directory: String?

    @Flag(help: "As a policy file (the default without --effective).")
    var toml = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions
    @OptionGroup var state: StateOptions

    func validate() throws {
        if toml && json { throw ValidationError("--toml and --json exclude each other") }
    }

    func run() throws {
        guard effective || directory != nil else {
            let loaded = try configuration.places().policies.load(name)
            return try Answer(asJSON: json).write(loaded.policy) {
                loaded.text + (loaded.text.hasSuffix("\n") ? "" : "\n")
            }
        }
        let setting = try PolicySetting(configuration, state)
        let loaded = try setting.policies.load(name)
        let (policy, tightened) = try setting.policy(loaded, for: directory)
        guard !toml else {
            return try StandardOutput.write(PolicyOrder(host: setting.host).effective(policy).toml)
        }
        let workspace = try setting.workspace(directory)
        let view = try EffectivePolicy(
            loaded, policy, tightened, workspace: workspace, isAny: directory == nil, setting)
        try Answer(asJSON: json).write(view) { view.text }
    }
}

/// What a policy comes to on this machine.
private struct EffectivePolicy: Encodable {
    struct Field: Encodable {
        var key: String
        var value: String
        var mechanism: String
        /// `built-in NAME` or a file, with the line; none for what nobody wrote.
        var origin: String?
    }

    var name: String
    var description: String
    var source: String
    var digest: String
    var enforceable: Verdict
    var degraded: [String]
    var refusal: JSONValue?
    /// Absent where it stands for any workspace.
    var workspace: String?
    var tightenedBy: TighteningFile?
    var fields: [Field]
    var mounts: [CageView.Mount]
    var hosts: [String]
    var systemCalls: CallView
    var rlimits: [CageView.Limit]
    var warnings: [PolicyLint]

    init(
        _ loaded: LoadedPolicy, _ policy: Policy, _ tightened: WorkspaceFile.Tightened?, workspace: String, isAny: Bool,
        _ setting: PolicySetting
    ) throws {
        let enforcement = setting.enforcement.map { Enforcement(policy, workspace: workspace, $0) }
        let view = try CageView(
            policy: policy, request: Enforcement.request(workspace: workspace, paths: setting.paths), host: setting.host
        )
        name = policy.name
        description = policy.description
        source = loaded.source.description
        digest = try loaded.policy.digest()
        enforceable = Verdict(enforcement)
        degraded = enforcement?.degraded ?? []
        refusal = enforcement?.refusal.map { refusal in
            .object([
                "code": .string(refusal.reason.code.rawValue), "message": .string(refusal.reason.message),
                "hint": refusal.hint.map(JSONValue.string) ?? .null,
            ])
        }
        self.workspace = isAny ? nil : workspace
        let changes = tightened?.changes ?? []
        if let tightened, !changes.isEmpty {
            tightenedBy = TighteningFile(file: tightened.file, fields: changes.map(\.key))
        }
        fields = PolicyField.all.map { field in
            let origin = loaded.origins[field.key]?.last.map { "\($0.file):\($0.line)" }
            let isTightened = changes.contains { $0.key == field.key }
            return Field(
                key: field.key, value: field.text(policy),
                mechanism: (enforcement?.mechanism(of: field) ?? field.mechanism).replacing("`", with: ""),
                origin: isTightened ? tightened?.file : origin)
        }
        mounts = view.mounts
        hosts =
            switch policy.network.mode {
            case .none: []
            case .apiOnly: ["the model's API, through the gateway"]
            case .open: ["whatever this machine reaches"]
            }
        systemCalls = try CallView(policy: policy)
        rlimits = view.limits
        warnings = PolicyLint.findings(policy, host: setting.host, searched: setting.searched, view: view)
    }

    var text: String {
        var text = "\(name) (\(source.oneLine)), \(digest)\n\(description.oneLine)\n"
        text += "here: \(enforceable.colour?.paint(enforceable.rawValue) ?? enforceable.rawValue)"
        if !degraded.isEmpty { text += ", " + Colour.red.paint("without \(degraded.joined(separator: ", "))") }
        if let message = refusal?["message"]?.stringValue { text += ", " + Colour.red.paint(message.oneLine) }
        text += "\n"
        if let tightenedBy {
            text += "tightened by \(tightenedBy.file.oneLine): \(tightenedBy.fields.joined(separator: ", "))\n"
        }
        for lint in warnings { text += "\(Colour.yellow.paint("warning")): \(lint.key) \(lint.message.oneLine)\n" }
        text +=
            "\n"
            + TextTable(
                head: ["FIELD", "VALUE", "ENFORCED BY"],
                rows: fields.map { field in
                    [
                        .init(field.key), .init((field.value.isEmpty ? "-" : field.value).oneLine.shortened(to: 60)),
                        .init(field.mechanism.oneLine, field.mechanism.hasPrefix("none") ? .red : nil),
                    ]
                }
            ).text
        text +=
            "\n"
            + TextTable(
                head: ["PATH", "ACCESS", "SHOWS", "WHY"],
                rows: mounts.map { mount in
                    let size = mount.size.map { " \($0)" } ?? ""
                    let shows = mount.shows.map { $0 == mount.path ? "itself" : $0 } ?? "-"
                    return [
                        .init(mount.path.oneLine), .init(mount.access.rawValue + size), .init(shows.oneLine),
                        .init(mount.why),
                    ]
                }
            ).text
        text += "\nreach: \(hosts.isEmpty ? "nothing" : hosts.joined(separator: ", "))\n"
        text +=
            "system calls: \(systemCalls.allowed) of \(systemCalls.known) let through, filter \(systemCalls.filter ?? "none")\n\n"
        return text
            + TextTable(
                head: ["LIMIT", "SOFT", "HARD"], rows: rlimits.map { [.init($0.name), .init($0.soft), .init($0.hard)] }
            ).text
    }
}
