/// Why a client's configuration cannot be read or changed. Nothing has been changed after one.
package struct SetupError: Error, Hashable, Sendable {
    package enum Code: String, Sendable {
        /// The client has no such scope, or there is no place for it.
        case unsupported = "mcp.unsupported"
        /// The text is not what the client reads.
        case unreadable = "mcp.unreadable"
        /// It can be read, but not be changed without a risk to what else is in it.
        case unchangeable = "mcp.unchangeable"
        /// It is another's, or no file, or the system refuses.
        case file = "mcp.file"
        /// Somebody else has changed it meanwhile.
        case changed = "mcp.changed"
    }

    package var code: Code
    /// One sentence.
    package var message: String
    package var hint: String?
    package var file: String?
    /// Counted from 1.
    package var line: Int?

    package init(_ code: Code, _ message: String, hint: String? = nil, file: String? = nil, line: Int? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.file = file
        self.line = line
    }

    /// The same in a file, which the sentence then begins with.
    func inFile(_ path: String) -> SetupError {
        guard file == nil else { return self }
        var error = self
        error.file = path
        error.message = path + (line.map { ", line \($0): " } ?? ": ") + message
        return error
    }
}
