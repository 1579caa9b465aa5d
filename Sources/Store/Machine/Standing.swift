/// Where a task stands together with its attempt: the rows of the state machine's table.
///
/// `TaskState` is what people see of it, `AttemptState` what the attempt's row says.
enum Standing: CaseIterable {
    /// Waits for tasks it depends on.
    case blocked
    /// May be claimed.
    case queued
    /// A slot, a fence and a frozen configuration are its own; nothing has been started.
    case claimed
    /// START may have been sent.
    case armed
    /// The agent was exec'ed.
    case running
    /// The stop reason is latched, the ladder is under way.
    case stopping
    /// The leader is gone, its tree may not be.
    case exited
    /// The task is terminal, or this attempt is over and the task has another.
    case ended

    init(_ attempt: AttemptState) {
        self =
            switch attempt {
            case .claimed: .claimed
            case .armed: .armed
            case .running: .running
            case .stopping: .stopping
            case .exited: .exited
            case .ended: .ended
            }
    }

    /// Of a task that has no live attempt.
    init(unclaimed state: TaskState) {
        self =
            switch state {
            case .blocked: .blocked
            case .queued: .queued
            default: .ended
            }
    }

    /// The state of the attempt's row; nil where there is none.
    var attempt: AttemptState? {
        switch self {
        case .blocked, .queued: nil
        case .claimed: .claimed
        case .armed: .armed
        case .running: .running
        case .stopping: .stopping
        case .exited: .exited
        case .ended: .ended
        }
    }

    /// What people see of a task that stands here; nil where the leader's exit leaves it as it was, or an ending decides it.
    var task: TaskState? {
        switch self {
        case .blocked: .blocked
        case .queued: .queued
        case .claimed, .armed: .starting
        case .running: .running
        case .stopping: .stopping
        case .exited, .ended: nil
        }
    }
}
