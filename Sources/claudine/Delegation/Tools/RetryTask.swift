import MCP
import Policy
import Store

extension Delegation {
    var retryTask: Tool {
        tool(
            "RetryTask", "Retry a task",
            "Run an ended task once more from the start, with the same prompt, workspace, policy and limits, as a new task.",
            input: Schema.object(
                [
                    "taskId": Schema.task("The ended task"),
                    "idempotencyKey": Schema.text("The same key is the same task: safe to send twice", length: 8...128),
                ], required: ["taskId"]), output: TaskView.handleSchema,
            ToolAnnotations(readOnly: false, destructive: true, idempotent: false, openWorld: true)
        ) { [self] arguments, context in
            let id = try Arguments.required("taskId", arguments.task("taskId"))
            let key = try arguments.text("idempotencyKey", bytes: 8...128)
            try arguments.refuseOthers()
            let store = try store()
            let earlier = try EarlierTask(record: record(id, in: store), store)
            let spec = try earlier.repeated()
            var order = DelegationOrder(spec: spec, limits: try LimitRequest(options: spec.limitOptions ?? [:]))
            order.key = key
            order.variables = try earlier.variables(caller())
            order.input = try earlier.input()
            return try delegate(order, "RetryTask", context)
        }
    }

    var resumeTask: Tool {
        tool(
            "ResumeTask", "Resume a task",
            """
            Go on with the session of an ended task's agent, which remembers what it did, in the same workspace, as a new task: \
            for a correction or the next step. Also for tasks that were cancelled, timed out or lost.
            """,
            input: Schema.object(
                [
                    "taskId": Schema.task("The ended task"),
                    "prompt": Schema.text("What the agent is to do now", length: 1...100_000),
                    "idempotencyKey": Schema.text("The same key is the same task: safe to send twice", length: 8...128),
                ], required: ["taskId", "prompt"]), output: TaskView.handleSchema,
            ToolAnnotations(readOnly: false, destructive: true, idempotent: false, openWorld: true)
        ) { [self] arguments, context in
            let id = try Arguments.required("taskId", arguments.task("taskId"))
            let given = try arguments.text("prompt", bytes: 1...400_000)
            let prompt = try Arguments.required(
                "prompt", given ?? arguments.text("additionalContext", bytes: 1...400_000))
            let key = try arguments.text("idempotencyKey", bytes: 8...128)
            try arguments.refuseOthers()
            let store = try store()
            let earlier = try EarlierTask(record: record(id, in: store), store)
            let old = earlier.spec
            var spec = TaskSpec(
                agent: old.agent, prompt: prompt, workspace: old.workspace, policy: old.policyFile ?? old.policy)
            (spec.model, spec.priority, spec.labels) = (old.model, old.priority, old.labels)
            try earlier.continued(by: &spec)
            var order = DelegationOrder(spec: spec, limits: LimitRequest())
            order.key = key
            return try delegate(order, "ResumeTask", context)
        }
    }
}
