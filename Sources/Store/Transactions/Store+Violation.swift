import GRDB

extension Store {
    /// Notes in the event log that the cage has refused something; false when the claim is stale.
    package func violated(_ claim: Claim, _ violation: Violation) throws(StoreError) -> Bool {
        try write(.normal) { db in
            guard try db.isLive(claim) else { return false }
            try db.log(.violation, claim.taskID, attempt: claim.attempt, at: Moment(), violation.json)
            return true
        }
    }
}

extension Violation {
    fileprivate var json: JSONValue {
        var members: [String: JSONValue] = [
            "mechanism": .string(mechanism.rawValue), "what": .string(what), "count": .integer(count),
        ]
        members["program"] = program.map(JSONValue.string)
        return .object(members)
    }
}
