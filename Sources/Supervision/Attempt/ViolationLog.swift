import Store

/// What the cage has refused to one attempt, each thing once; bounded, whatever the attempt does.
struct ViolationLog {
    private(set) var violations: [Violation] = []
    private var events = 0

    /// Different things and events of one attempt; a worker can cause any number of them.
    private static let mostThings = 64
    private static let mostEvents = 200

    /// - Parameter isTotal: `count` is all there were by now, not so many more.
    /// - Returns: what to write into the event log, if it has room.
    mutating func note(_ violation: Violation, isTotal: Bool = false) -> Violation? {
        let known = violations.firstIndex {
            $0.mechanism == violation.mechanism && $0.what == violation.what
        }
        guard let index = known else {
            guard violations.count < Self.mostThings else { return nil }
            violations.append(violation)
            return event(violation)
        }
        violations[index].count = isTotal ? violation.count : violations[index].count + violation.count
        violations[index].program = violation.program ?? violations[index].program
        return event(violations[index])
    }

    private mutating func event(_ violation: Violation) -> Violation? {
        guard events < Self.mostEvents else { return nil }
        events += 1
        return violation
    }
}
