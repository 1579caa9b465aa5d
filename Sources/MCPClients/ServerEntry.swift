/// What a client is to start and to speak to over its standard streams.
package struct ServerEntry: Hashable, Sendable {
    /// Absolute: a client looks for programs in a PATH of its own.
    package var command: String
    package var arguments: [String]

    package init(command: String, arguments: [String]) {
        self.command = command
        self.arguments = arguments
    }
}
