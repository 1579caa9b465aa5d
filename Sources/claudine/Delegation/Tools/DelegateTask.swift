import MCP
import Policy
import Store
import Supervision

extension Delegation {
    /// What users of the predecessor may write for what has another name or unit here.
    private static let renamed = ["timeout": "timeoutSeconds", "cwd": "workspace", "command": "prompt"]

    var delegateTask: Tool {
        tool(
            "DelegateTask", "Delegate a task",
            """
            Hand a piece of work to a coding agent that runs alone in a sandbox of its own, in the background. Returns at once: \
            with a task your client follows by itself, or with a handle whose taskId WaitTask and TaskResult take. The agent sees \
            only the workspace directory and what you write here: put everything it needs into the prompt. Its limits can be \
            narrowed, never widened; what is above a ceiling is refused and the message names field and bound.
            """,
            input: Schema.object(
                [
                    "prompt": Schema.text("What the agent is to do, complete in itself", length: 1...100_000),
                    "workspace": Schema.text(
                        "The directory it works in: an absolute path within the allowed roots (PolicyInfo lists them). Default: the first root",
                        length: 1...4096),
                    "policy": Schema.text(
                        "A policy's name, at most as wide as the ceiling; PolicyInfo lists them", length: 1...64),
                    "agent": Schema.text("The agent's name (default: the configured one)", length: 1...64),
                    "model": Schema.text("The agent's model", length: 1...200),
                    "timeoutSeconds": Schema.integer("End it after this time", 1...86_400),
                    "idleTimeoutSeconds": Schema.integer("End it when it writes nothing for this time", 1...86_400),
                    "maxTurns": Schema.integer("End the agent after so many turns", 1...1000),
                    "maxBudgetUsd": Schema.amount("End the agent when it has spent this, in US dollars"),
                    "maxOutputBytes": Schema.integer("End it when it has written more", 1024...1_073_741_824),
                    "priority": Schema.choice("Its class in the queue", Priority.allCases.map(\.rawValue)),
                    "dependsOn": Schema.list(
                        "Tasks that have to succeed before it starts", of: Schema.task("A task's id"), most: 32),
                    "continueFrom": Schema.task("An ended task whose agent's session it goes on with"),
                    "labels": Schema.list("Labels to find it by", of: Schema.text("A label", length: 1...64), most: 16),
                    "name": Schema.text("What to call it", length: 1...200),
                    "retries": Schema.integer("Try it again up to so often when it fails or times out", 0...10),
                    "idempotencyKey": Schema.text(
                        "The same key is the same task: safe to send twice", length: 8...128),
                    "mode": Schema.choice(
                        "detach: always a handle, also where the client could follow a task by itself",
                        DelegationMode.allCases.map(\.rawValue)),
                    "dryRun": Schema.flag("Say what would be in force, and delegate nothing"),
                ], required: ["prompt"]),
            output: TaskView.handleSchema,
            ToolAnnotations(readOnly: false, destructive: true, idempotent: false, openWorld: true)
        ) { [self] arguments, context in
            let order = try delegated(&arguments)
            return try delegate(order, "DelegateTask", context)
        }
    }

    /// Reads the arguments, those of the predecessor too.
    private func delegated(_ arguments: inout Arguments) throws -> DelegationOrder {
        let prompt = try Arguments.required("prompt", arguments.text("prompt", bytes: 1...400_000))
        let directory = try arguments.text("workspace") ?? arguments.text("workingDirectory")
        let workspace = try workspace(directory)
        let caller = try caller()
        let agent = try arguments.text("agent", bytes: 1...64) ?? caller.configuration.defaultAgent
        let policy = try policyName(arguments.text("policy", bytes: 1...64), caller)
        var spec = TaskSpec(agent: agent, prompt: prompt, workspace: workspace, policy: policy)
        spec.model = try arguments.text("model", bytes: 1...200)
        spec.maxTurns = try arguments.integer("maxTurns", in: 1...1000)
        spec.budgetUsd = try arguments.amount("maxBudgetUsd")
        spec.name = try arguments.text("name", bytes: 1...200)
        spec.labels = try arguments.texts("labels", most: 16, bytes: 1...64)
        spec.priority = try arguments.choice("priority", Priority.self) ?? .normal
        spec.retries = try arguments.integer("retries", in: 0...10)
        let needs = try arguments.tasks("dependsOn", most: 32)
        let store = try store()
        for id in needs { _ = try record(id, in: store) }
        if !needs.isEmpty { spec.after = needs }
        var limits = LimitRequest()
        if let seconds = try arguments.integer("timeoutSeconds", in: 1...86_400) { limits.wall = Self.seconds(seconds) }
        if let seconds = try arguments.integer("idleTimeoutSeconds", in: 1...86_400) {
            limits.idle = Self.seconds(seconds)
        }
        if let bytes = try arguments.integer("maxOutputBytes", in: 1024...1_073_741_824) {
            limits.outputLimit = .limited(ByteSize(bytes: UInt64(bytes)))
        }
        spec.limitOptions = limits.options
        if let earlier = try arguments.task("continueFrom") {
            try EarlierTask(record: record(earlier, in: store), store).continued(by: &spec)
        }
        var order = DelegationOrder(spec: spec, limits: limits)
        order.key = try arguments.text("idempotencyKey", bytes: 8...128)
        order.mode = try arguments.choice("mode", DelegationMode.self) ?? .auto
        order.isDryRun = try arguments.flag("dryRun") ?? false
        try arguments.refuseOthers(renamed: Self.renamed)
        return order
    }

    private static func seconds(_ seconds: Int) -> Bound<TimeSpan> {
        .limited(TimeSpan(milliseconds: UInt64(seconds) * 1000))
    }

    /// - Throws: for a path that is not absolute: it would be taken from wherever this process happens to stand.
    private func workspace(_ given: String?) throws(ToolFailure) -> String {
        guard let given else {
            guard let first = grant.roots.first else { throw .argument("workspace", "is missing.") }
            return first
        }
        guard given.hasPrefix("/") else {
            throw .argument(
                "workspace", "has to be an absolute path.", hint: "the roots are \(grant.roots.joined(separator: ", "))"
            )
        }
        return given
    }

    /// A name only: a file could be one that the client itself has written.
    private func policyName(_ given: String?, _ caller: Caller) throws(ToolFailure) -> String {
        guard let given else {
            let standard = caller.configuration.defaultPolicy
            // What is refused anyway is no default.
            guard let own = try? caller.policies.load(standard).policy,
                let ceiling = try? caller.policies.load(grant.policy).policy,
                PolicyOrder(host: .current(home: caller.environment["HOME"])).isAtLeastAsStrict(own, as: ceiling)
            else { return grant.policy }
            return standard
        }
        guard !PolicyLibrary.isFile(given) else {
            throw .argument("policy", "is a policy's name, not a file.", hint: "PolicyInfo lists them")
        }
        return given
    }
}

enum DelegationMode: String, CaseIterable {
    case auto, detach
}
