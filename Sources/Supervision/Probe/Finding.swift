/// What `claudine doctor` says about one thing; the keys are stable.
package struct Finding: Equatable, Sendable, Encodable {
    package enum State: String, Sendable, Encodable {
        case ok
        /// It is there, but weaker or smaller than it could be.
        case limited
        case missing
        /// It concerns somebody else: what only root needs, or what is missing because its foundation is.
        case notApplicable
    }

    /// The layer's name as in the record's `policy.layers`, or that of the thing.
    package var layer: String
    package var state: State
    /// What was seen, a few words.
    package var detail: String
    /// Which promise or policy suffers; nil when nothing does.
    package var costs: String?
    /// What to do, exactly; may have several lines.
    package var fix: String?

    package init(_ layer: String, _ state: State, _ detail: String, costs: String? = nil, fix: String? = nil) {
        self.layer = layer
        self.state = state
        self.detail = detail
        self.costs = costs
        self.fix = fix
    }
}
