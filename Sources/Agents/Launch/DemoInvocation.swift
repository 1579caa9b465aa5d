extension AgentDefinition {
    /// The script travels in the binary; only a shell has to be there.
    func demoExecutable(_ lookup: ExecutableLookup) throws(AgentError) -> AgentExecutable {
        let shell = try lookup.find("sh", hint: "the demo agent needs a POSIX shell")
        let script = MaterialisedFile(name: "demo-agent.sh", bytes: PackageResources.demo_agent_sh)
        return .materialised(script, interpreter: shell)
    }

    func demoInvocation(_ request: AgentRequest, _ lookup: ExecutableLookup) throws(AgentError) -> Invocation {
        let executable = try demoExecutable(lookup)
        let session =
            switch request.session {
            case .new(let id), .resume(let id): id
            }
        return Invocation(
            executable: executable, arguments: executable.prefix + [session], environment: [:],
            environmentNames: environmentNames, standardInput: .bytes(Array(request.prompt.utf8)),
            files: executable.files, format: format)
    }
}
