/// A request as the command line has it, by the option's name without its dashes: how it waits in the queue.
extension LimitRequest {
    package var options: [String: String] {
        var options: [String: String] = [:]
        options["timeout"] = wall?.description
        options["idle-timeout"] = idle?.description
        options["memory"] = memory?.description
        options["processes"] = processes.map(String.init)
        options["output-limit"] = outputLimit?.description
        return options
    }

    /// Throws `refused.config` for what no option would have accepted.
    package init(options: [String: String]) throws(PolicyError) {
        self.init()
        for (name, text) in options {
            switch name {
            case "timeout": wall = try Self.parse(text, name)
            case "idle-timeout": idle = try Self.parse(text, name)
            case "memory": memory = try Self.parse(text, name)
            case "output-limit": outputLimit = try Self.parse(text, name)
            case "processes":
                guard let number = Int(text) else { throw Self.invalid(text, name) }
                processes = number
            default: throw Self.invalid(text, name)
            }
        }
    }

    private static func parse<Value: TextValue>(_ text: String, _ name: String) throws(PolicyError) -> Value {
        guard let value = try? Value(parsing: text) else { throw invalid(text, name) }
        return value
    }

    private static func invalid(_ text: String, _ name: String) -> PolicyError {
        PolicyError(
            .config, "the stored limit --\(name) \(text) cannot be read", hint: "it was written by another version",
            detail: ["field": "--\(name)", "found": text])
    }
}
