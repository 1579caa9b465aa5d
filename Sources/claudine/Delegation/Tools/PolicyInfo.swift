import MCP
import Policy
import Store
import Supervision

extension Delegation {
    var policyInfo: Tool {
        tool(
            "PolicyInfo", "What is allowed",
            """
            What delegated tasks may do: the directories, the policies with their limits, how many run at a time, and what of the \
            sandbox this machine can enforce. Nothing here can be changed by a tool.
            """,
            input: Schema.object([
                "policy": Schema.text("Say everything about this policy", length: 1...64)
            ]),
            output: [
                "type": "object",
                "properties": [
                    "ceiling": Schema.text("The widest policy that a task may have"),
                    "roots": Schema.list("Directories, in or below which tasks work", of: ["type": "string"]),
                    "policies": Schema.list(
                        "Policies", of: Schema.any("name, description, allowed, wider, asks, limits")),
                    "limits": Schema.any("What this client may have at a time"),
                    "sandbox": Schema.any("Layers that this machine enforces, and those that are missing"),
                    "policy": Schema.any("The policy that was asked for, field by field"),
                ], "required": ["ceiling", "roots", "policies", "limits"],
            ], ToolAnnotations(readOnly: true, destructive: false, idempotent: true, openWorld: false)
        ) { [self] arguments, _ in
            let name = try arguments.text("policy", bytes: 1...64)
            try arguments.refuseOthers()
            return .result(ToolResult(structured: try policyDescription(of: name)))
        }
    }

    /// - Parameter name: of the policy to be described field by field.
    func policyDescription(of name: String? = nil) throws -> JSON {
        let caller = try caller()
        let order = PolicyOrder(host: .current(home: caller.environment["HOME"]))
        let ceiling = try caller.policies.load(grant.policy).policy
        let policies = try caller.policies.list().compactMap { name, result -> JSON? in
            guard case .success(let loaded) = result else { return nil }
            let policy = loaded.policy
            let wider = order.comparison(policy, ceiling).filter { ![.equal, .stricter].contains($0.strictness) }
            return .members([
                "name": .string(name), "description": .string(Clean.line(policy.description)),
                "allowed": .bool(wider.isEmpty), "asks": .bool(asked.contains(name)),
                "wider": wider.isEmpty ? nil : .array(wider.map { .string($0.field.key) }),
                "limits": [
                    "wallTime": .string("\(policy.process.wallTime)"),
                    "idleTime": .string("\(policy.process.idleTime)"),
                    "memory": .string("\(policy.limits.memory)"), "processes": .integer(Int64(policy.limits.processes)),
                    "network": .string(policy.network.mode.rawValue),
                ],
            ])
        }
        var info: JSON = [
            "ceiling": .string(ceiling.name), "roots": .array(grant.roots.map(JSON.string)),
            "policies": .array(policies),
            "limits": .members([
                "runningTasks": grant.running.map { .integer(Int64($0)) },
                "liveTasks": .integer(Int64(Self.mostLive)), "perMinute": .integer(Int64(Self.mostInAMinute)),
                "longestWaitSeconds": 50,
            ]),
        ]
        if let machine = try? Machine.current(places.paths) {
            info["sandbox"] = ["missing": .array(machine.missing.layers.map { .string($0.rawValue) })]
        }
        if let name {
            guard !PolicyLibrary.isFile(name), let policy = try? caller.policies.load(name).policy else {
                throw ToolFailure.argument("policy", "'\(name.prefix(64))' is no policy.")
            }
            var fields: JSON = [:]
            for field in PolicyField.all { fields[field.key] = .string(field.text(policy)) }
            info["policy"] = ["name": .string(policy.name), "fields": fields]
        }
        return info
    }
}
