import GRDB

/// A person's word on one request of a client: asked for, given or refused, and spent by the request that it is about.
package struct Approval: Codable, Equatable, Sendable {
    package enum State: String, Codable, Sendable {
        case open, approved, denied, spent, expired
    }

    /// `appr_` and 26 characters of `[a-z2-7]`.
    package var approvalId: String
    package var client: String
    package var policy: String
    /// What it is about, in a line for people.
    package var summary: String
    package var state: State
    package var createdAt: Timestamp
    package var expiresAt: Timestamp
}

package enum ApprovalResult: Equatable, Sendable {
    case decided(Approval)
    case notOpen(Approval)
    case none
}

extension Store {
    /// Milliseconds from the request to when nobody can agree to it any more, and from there to when it can be spent.
    package static let approvalLifetime: Int64 = 15 * 60_000

    /// Of a client; more than that nobody reads.
    package static let mostOpenApprovals = 16

    /// The open approval of this request, made if there is none; nil when the client has too many open ones.
    package func requestApproval(
        of digest: String, by client: String, policy: String, summary: String
    ) throws(StoreError) -> Approval? {
        try write(.full) { db in
            let now = Timestamp.now()
            if let open = try db.approvals(
                "client = ? AND digest = ? AND spent_at IS NULL AND decision IS NULL AND expires_at > ?",
                [client, digest, now.milliseconds]
            ).last {
                return open
            }
            let waiting = try Int.fetchOne(
                db, sql: "SELECT count(*) FROM approval WHERE client = ? AND decision IS NULL AND expires_at > ?",
                arguments: [client, now.milliseconds])
            guard waiting ?? 0 < Self.mostOpenApprovals else { return nil }
            let id = "appr_" + Base32.encode(RandomBytes.make(16))
            try db.execute(
                sql: """
                    INSERT INTO approval (id, client, digest, policy, summary, created_at, expires_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, client, digest, policy, summary, now.milliseconds, now.milliseconds + Self.approvalLifetime,
                ])
            guard let made = try db.approvals("id = ?", [id]).first else {
                throw StoreError(.io, "The approval \(id) was not stored.")
            }
            return made
        }
    }

    /// - Returns: `notOpen` when somebody has decided before, or it is too late.
    package func decide(_ id: String, isApproved: Bool) throws(StoreError) -> ApprovalResult {
        try write(.full) { db in
            guard let approval = try db.approvals("id = ?", [id]).first else { return .none }
            guard approval.state == .open else { return .notOpen(approval) }
            try db.execute(
                sql: "UPDATE approval SET decision = ?, decided_at = ? WHERE id = ? AND decision IS NULL",
                arguments: [isApproved ? "approved" : "denied", Timestamp.now().milliseconds, id])
            guard let decided = try db.approvals("id = ?", [id]).first else { return .none }
            return .decided(decided)
        }
    }

    /// Uses up the consent to this request; false when there is none.
    package func spendApproval(of digest: String, by client: String) throws(StoreError) -> Bool {
        try write(.full) { db in
            let now = Timestamp.now().milliseconds
            try db.execute(
                sql: """
                    UPDATE approval SET spent_at = :now WHERE id = (
                        SELECT id FROM approval WHERE client = :client AND digest = :digest AND decision = 'approved'
                            AND spent_at IS NULL AND expires_at > :now ORDER BY created_at LIMIT 1)
                    """, arguments: ["now": now, "client": client, "digest": digest])
            return db.changesCount == 1
        }
    }

    /// Whether the newest word on this request is a refusal, for as long as consent would have been good.
    package func isDenied(_ digest: String, by client: String) throws(StoreError) -> Bool {
        try read { db in
            let now = Timestamp.now().milliseconds
            return try db.approvals(
                "client = ? AND digest = ? AND decision IS NOT NULL AND expires_at > ?", [client, digest, now]
            ).last?.state == .denied
        }
    }

    /// The newest first.
    package func approvals() throws(StoreError) -> [Approval] {
        try read { db in try db.approvals("true", []).reversed() }
    }
}

extension Database {
    fileprivate func approvals(_ condition: String, _ arguments: StatementArguments) throws -> [Approval] {
        let now = Timestamp.now()
        return try Row.fetchAll(
            self,
            sql: """
                SELECT id, client, policy, summary, created_at, expires_at, decision, spent_at FROM approval
                WHERE \(condition) ORDER BY created_at, id
                """, arguments: arguments
        ).map { row in
            let expires = Timestamp(milliseconds: try row.decode(forColumn: "expires_at"))
            let decision = try row.decode(String?.self, forColumn: "decision")
            let isSpent = try row.decode(Int64?.self, forColumn: "spent_at") != nil
            let state: Approval.State =
                isSpent
                ? .spent
                : decision == "denied" ? .denied : expires <= now ? .expired : decision == nil ? .open : .approved
            return Approval(
                approvalId: try row.decode(forColumn: "id"), client: try row.decode(forColumn: "client"),
                policy: try row.decode(forColumn: "policy"), summary: try row.decode(forColumn: "summary"),
                state: state, createdAt: Timestamp(milliseconds: try row.decode(forColumn: "created_at")),
                expiresAt: expires)
        }
    }
}
