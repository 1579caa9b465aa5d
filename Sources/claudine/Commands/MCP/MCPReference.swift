import ArgumentParser
import MCP
import OrderedCollections
import Policy
import Store

/// `claudine mcp reference`: the generated parts of docs/mcp.md, between their marks.
struct MCPReference: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Print the tables of docs/mcp.md.", shouldDisplay: false)

    func run() throws {
        let delegation = Delegation(
            client: "mcp", grant: Grant(policy: PolicyLibrary.defaultName, roots: []), asked: [],
            places: .init(
                paths: StatePaths(directory: "/nonexistent"), configuration: try ConfigurationOptions.parse([])))
        let parts = [
            ("tools", Self.tools(delegation.tools)), ("resources", Self.resources(delegation.resources.templates)),
            ("prompts", Self.prompts(delegation.prompts)), ("errors", Self.errors), ("limits", Self.limits),
        ]
        for (name, text) in parts {
            try StandardOutput.write("<!-- \(name): begin -->\n\n\(text)\n<!-- \(name): end -->\n")
        }
    }

    private static func tools(_ tools: [Tool]) -> String {
        tools.map { tool in
            let hints = tool.annotations.map { annotations in
                [
                    annotations.readOnly ? "reads only" : nil, annotations.destructive ? "may destroy" : nil,
                    annotations.idempotent ? "idempotent" : nil, annotations.openWorld ? "open world" : nil,
                ].compactMap { $0 }.joined(separator: ", ")
            }
            let required = tool.inputSchema["required"]?.array?.compactMap(\.string) ?? []
            let rows = (tool.inputSchema["properties"]?.object ?? [:]).map { name, schema in
                "| `\(name)`\(required.contains(name) ? " (required)" : "") | \(kind(schema)) | \(schema["description"]?.string ?? "") |\n"
            }
            let outputs = (tool.outputSchema?["properties"]?.object ?? [:]).keys.map { "`\($0)`" }
            return """
                ### \(tool.name)

                \(tool.description) (\(hints ?? ""))

                | argument | may be | meaning |
                |---|---|---|
                \(rows.joined())
                Answers with \(outputs.joined(separator: ", ")).

                """
        }.joined(separator: "\n")
    }

    private static func kind(_ schema: JSON) -> String {
        var text = schema["type"]?.string ?? ""
        if let values = schema["enum"]?.array {
            return values.compactMap { $0.string.map { "`\($0)`" } }.joined(separator: ", ")
        }
        if let low = schema["minimum"]?.integer, let high = schema["maximum"]?.integer { text += " \(low)…\(high)" }
        if let low = schema["minLength"]?.integer, let high = schema["maxLength"]?.integer {
            text += " of \(low)…\(high) characters"
        }
        if let most = schema["maxItems"]?.integer { text += " of at most \(most)" }
        if schema["exclusiveMinimum"] != nil { text += " above 0" }
        return text
    }

    private static func resources(_ templates: [ResourceTemplate]) -> String {
        let fixed = [
            (TaskURI.policy, "Ceiling, roots, policies and limits"),
            (TaskURI.tasks, "The last fifty tasks, newest first"),
        ]
        let rows = fixed + templates.map { ($0.uriTemplate, $0.description ?? "") }
        return "| URI | what it is |\n|---|---|\n" + rows.map { "| `\($0)` | \($1) |\n" }.joined()
    }

    private static func prompts(_ prompts: [Prompt]) -> String {
        "| prompt | arguments | what for |\n|---|---|---|\n"
            + prompts.map { prompt in
                let arguments = prompt.arguments.map { "`\($0.name)`" + ($0.isRequired ? "" : " (optional)") }
                return "| `\(prompt.name)` | \(arguments.joined(separator: ", ")) | \(prompt.description) |\n"
            }.joined()
    }

    private static let errors =
        "| code | when |\n|---|---|\n"
        + [
            ("argument.invalid", "an argument is unknown, missing, of another type or out of its bounds"),
            ("task.unknown", "there is no such task, or it is not this client's"),
            ("refused.ceiling", "the policy or a limit is wider than the ceiling; field and bound are named"),
            ("refused.workspace", "the directory is outside the roots, or cannot be a workspace"),
            ("refused.policy", "this machine cannot enforce what the policy requires"),
            ("refused.config", "the policy or the agent cannot be used as it is configured"),
            ("approval.required", "a person has to agree, and this client cannot ask: `claudine approve ID`"),
            ("approval.denied", "the person asked did not agree"),
            ("limit.rate", "too many delegations in a minute; says when there may be another"),
            ("limit.approvals", "too many requests of this client wait for a person's word"),
            ("limit.tasks", "too many tasks of this client have not ended"),
            ("queue.full", "too many tasks wait, over all clients"),
            ("idempotency.conflict", "the key belongs to another request"),
            ("task.cannotRetry, task.cannotResume", "it has not ended, or has no session"),
            ("task.homeInUse", "another task goes on with the same session"),
            ("store.…", "the state cannot be read or written"),
        ].map { "| `\($0)` | \($1) |\n" }.joined()

    private static let limits =
        "| what | at most |\n|---|---|\n"
        + [
            ("delegations of a client in a minute", "\(Delegation.mostInAMinute)"),
            ("requests to delegate in a minute, with those that are refused", "\(Delegation.mostRequests)"),
            ("requests of a client that wait for consent", "\(Store.mostOpenApprovals)"),
            ("tasks of a client that have not ended", "\(Delegation.mostLive)"),
            ("tasks of a client that run at a time", "`--max-running`, 8 by default"),
            ("the same request without a key is the same task for", "\(Delegation.sameWithin / 1000) s"),
            ("one WaitTask", "50 s"),
            ("a message", "\(Limits().message >> 20) MiB, \(JSONParser.mostDepth) values deep"),
            ("requests of a connection that are not answered yet", "\(Limits().inFlight)"),
            ("subscriptions of a connection", "\(Limits().subscriptions)"),
            ("resources and tasks of a subscription", "\(Limits().interests)"),
            ("a consent that was asked for can be given for", "\(Store.approvalLifetime / 60_000) minutes"),
        ].map { "| \($0) | \($1) |\n" }.joined()
}
