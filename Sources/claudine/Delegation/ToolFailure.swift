import MCP
import Store
import Supervision

/// Why a tool could not do what it was asked, for the model that asked: it can mend it by another call.
struct ToolFailure: Error {
    /// Stable, as in the errors of commands.
    var code: String
    var message: String
    var hint: String?
    /// The argument that is to be mended.
    var field: String?
    /// Seconds after which the same call may succeed.
    var retryAfter: Int?

    init(_ code: String, _ message: String, hint: String? = nil, field: String? = nil, retryAfter: Int? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.field = field
        self.retryAfter = retryAfter
    }

    init(_ reason: Reason, hint: String?) {
        self.init(
            reason.code.rawValue, reason.message, hint: hint ?? reason.detail?["fix"]?.stringValue,
            field: reason.detail?["field"]?.stringValue)
    }

    /// Nil for what is not to be told.
    init?(_ error: any Error) {
        if let error = error as? ToolFailure {
            self = error
        } else if let failure = Failure(error, exits: .asCommand) {
            self.init(failure.code, failure.message, hint: failure.hint)
        } else {
            return nil
        }
    }

    static func argument(_ field: String, _ message: String, hint: String? = nil) -> ToolFailure {
        ToolFailure("argument.invalid", "'\(field)' \(message)", hint: hint, field: field)
    }

    static let unknownTask = ToolFailure(
        "task.unknown", "There is no such task.", hint: "TaskStatus without an id lists the tasks of this client",
        field: "taskId")

    var result: ToolResult {
        var text = "[\(code)] \(Clean.line(message))"
        if let retryAfter { text += " Try again after \(retryAfter) s." }
        if let hint { text += "\nhint: \(Clean.line(hint))" }
        let detail = JSON.members([
            "code": .string(code), "message": .string(Clean.line(message)),
            "hint": hint.map { .string(Clean.line($0)) },
            "field": field.map(JSON.string), "retryAfterSeconds": retryAfter.map { .integer(Int64($0)) },
        ])
        return ToolResult([.text(text), .text(JSON.members(["error": detail]).text)], isError: true)
    }
}
