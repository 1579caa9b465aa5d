import MCP
import Policy
import Store

extension Delegation {
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
