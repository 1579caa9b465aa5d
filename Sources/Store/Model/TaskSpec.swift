/// What was asked for: everything a request says, frozen when the task is created.
package struct TaskSpec: Codable, Equatable, Sendable {
    /// `claude`, `command`, or the name of a configured agent.
    package var agent: String
    /// What an agent is asked to do; nil for a plain command.
    package var prompt: String?
    /// Program and arguments; nil for an agent.
    package var command: [String]?
    /// Absolute, symlinks resolved.
    package var workspace: String
    package var policy: String
    package var name: String?
    package var labels: [String] = []
    package var priority: Priority = .normal
    package var model: String?
    package var maxTurns: Int?
    package var budgetUsd: Double?
    /// Limits that were asked for, under the names the record uses (`wallSeconds`, `memoryBytes`, …).
    package var limits: [String: JSONValue] = [:]
    /// Names only; the values stay with the process that runs the task.
    package var environmentNames: [String] = []
    package var stdin: StdinSource = .none
    package var retryOf: TaskID?
    package var resumes: TaskID?
    /// The task whose private HOME this one goes on with; nil for its own.
    package var homeOf: TaskID?
    /// The agent's own session to continue.
    package var resumeSessionId: String?
    /// Tasks that have to succeed first.
    package var after: [TaskID]?
    /// Tasks that have to end first, however they do.
    package var afterAny: [TaskID]?
    /// Attempts after the first, for the reasons in `RetryRule`; nil for none.
    package var retries: Int?
    /// What is retried: reason codes or the first part of them; nil for the default.
    package var retryOn: [String]?
    /// Milliseconds that it may wait for its first claim; nil for ever.
    package var queueTimeoutMs: Int64?
    /// A second request with the same key is the same task.
    package var idempotencyKey: String?
    /// Where the policy is a file of its own; `policy` is its name then.
    package var policyFile: String?
    /// Limits as the command line has them, by the option's name without its dashes; `limits` says the same for people.
    package var limitOptions: [String: String]?
    /// What of the caller's surroundings a later attempt, in another process, needs: PATH, locale, where the configuration is.
    /// Nothing secret: values of `--env` are in a file of the task's own.
    package var surroundings: [String: String]?
    /// Who delegated it, as the door knows it through which it came; nil for the command line.
    package var client: String?
    /// What that client may have done; nil where nothing but the policy decides.
    package var grant: Grant?

    package init(agent: String, prompt: String, workspace: String, policy: String) {
        self.agent = agent
        self.prompt = prompt
        self.workspace = workspace
        self.policy = policy
    }

    package init(command: [String], workspace: String, policy: String) {
        self.agent = "command"
        self.command = command
        self.workspace = workspace
        self.policy = policy
    }
}

/// Where the worker's standard input comes from.
package enum StdinSource: Codable, Equatable, Sendable {
    /// /dev/null.
    case none
    /// What the caller's own standard input says, copied to a file first.
    case inherited
    case file(String)
}
