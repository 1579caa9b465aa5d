import ArgumentParser
import Policy
import Store
import Supervision

/// `claudine resume`: a new task that goes on with an ended agent's own session, in its private HOME.
struct Resume: AsyncParsableCommand, ExitsAsTheTaskDid {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Go on with an agent's session in a new task.",
        discussion: """
            Also for tasks that were cancelled, timed out or lost. Workspace and policy are those of the earlier task; its limits \
            are the policy's unless they are given again.
            """)

    @Argument(help: ArgumentHelp("The earlier task's id, or the beginning of it.", valueName: "id"))
    var id: String

    @Argument(help: ArgumentHelp("What the agent is to do now.", valueName: "prompt"))
    var prompt = "Continue."

    @Option(help: ArgumentHelp("Another policy's name or file.", valueName: "name"))
    var policy: String?

    @OptionGroup var options: RunOptions
    @OptionGroup var state: StateOptions
    @OptionGroup var configuration: ConfigurationOptions

    func run() async throws {
        let caller = try configuration.caller()
        let store = try await state.store()
        let earlier = try EarlierTask(record: store.existingRecord(try store.task(named: id)), store)
        let old = earlier.spec
        var spec = TaskSpec(
            agent: old.agent,
            prompt: prompt == "-" ? try RunInput(prompt: "-", isCommand: false, stdin: nil).prompt ?? "" : prompt,
            workspace: old.workspace, policy: policy ?? old.policyFile ?? old.policy)
        spec.model = old.model
        spec.priority = old.priority
        options.apply(to: &spec)
        try earlier.continued(by: &spec)
        try await options.run(spec, input: .none, caller: caller, store: store)
    }
}
