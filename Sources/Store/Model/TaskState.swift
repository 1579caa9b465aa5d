/// Where a task stands; the terminal ones never change again.
package enum TaskState: String, Codable, CaseIterable, Sendable {
    case queued, blocked, starting, running, stopping
    case succeeded, failed, timedOut, cancelled, refused, lost

    package var isTerminal: Bool {
        switch self {
        case .queued, .blocked, .starting, .running, .stopping: false
        case .succeeded, .failed, .timedOut, .cancelled, .refused, .lost: true
        }
    }

    package static let terminal = allCases.filter(\.isTerminal)
    package static let live = allCases.filter { !$0.isTerminal }
}

/// Where one attempt at a task stands. `exited` means its leader is gone but its process tree may not be.
package enum AttemptState: String, Codable, CaseIterable, Sendable {
    case claimed, armed, running, stopping, exited, ended
}

/// Which of two queued tasks goes first.
package enum Priority: String, Codable, CaseIterable, Sendable {
    case urgent = "P0"
    case high = "P1"
    case normal = "P2"
}
