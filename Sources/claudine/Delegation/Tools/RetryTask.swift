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
}
