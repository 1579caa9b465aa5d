/// Why a task ended as it did, or why it is being stopped.
package struct Reason: Codable, Equatable, Sendable {
    package var code: ReasonCode
    /// One sentence for people.
    package var message: String
    /// Whatever a machine may want to know besides.
    package var detail: JSONValue?

    /// Without a `message` the code's own sentence is used.
    package init(_ code: ReasonCode, _ message: String? = nil, detail: JSONValue? = nil) {
        self.code = code
        self.message = message ?? code.sentence
        self.detail = detail
    }
}
