import Store

/// How a command's answer is wanted.
struct Answer {
    let asJSON: Bool

    /// Writes the value as JSON or as the text that `plain` makes of it.
    func write(_ value: some Encodable, plain: () -> String) throws {
        try StandardOutput.write(asJSON ? JSONText.encode(value, pretty: StandardOutput.isTerminal) + "\n" : plain())
    }
}

/// `{"tasks":[…]}`
struct TaskList: Encodable {
    var tasks: [TaskRecord]
}
