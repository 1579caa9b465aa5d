/// What may happen to an attempt, from which states, and what it is written down as.
///
/// This table is the state machine. A transition that finds the task or the attempt in a state that is not listed, or under
/// another fence, changes nothing. Terminal task states are in no `task` list, so nothing leaves them; a trigger in the
/// schema says the same.
struct Transition {
    /// Task states it may start from and the one it leads to; nil leaves the task where it is.
    let task: [TaskState]
    let taskTo: TaskState?
    /// Attempt states it may start from and the one it leads to.
    let attempt: [AttemptState]
    let attemptTo: AttemptState
    let event: EventKind
    /// Promised commits reach the disk before the call returns; a progress note need not.
    let durability: Durability

    /// START may be sent: from here on the agent may have run.
    static let arm = Transition(
        task: [.starting], taskTo: nil,
        attempt: [.claimed], attemptTo: .armed,
        event: .attemptArmed, durability: .full)

    /// The agent was exec'ed.
    static let started = Transition(
        task: [.starting], taskTo: .running,
        attempt: [.armed], attemptTo: .running,
        event: .attemptStarted, durability: .normal)

    /// The same, told after a stop had already been decided (a cancel between START and its answer).
    static let startedWhileStopping = Transition(
        task: [.stopping], taskTo: nil,
        attempt: [.stopping], attemptTo: .stopping,
        event: .attemptStarted, durability: .normal)

    /// The stop reason is latched and the ladder begins.
    static let stopping = Transition(
        task: [.starting, .running], taskTo: .stopping,
        attempt: [.claimed, .armed, .running], attemptTo: .stopping,
        event: .attemptStopping, durability: .normal)

    /// The leader is gone; the tree may not be.
    static let exited = Transition(
        task: [.starting, .running, .stopping], taskTo: nil,
        attempt: [.armed, .running, .stopping], attemptTo: .exited,
        event: .attemptExited, durability: .normal)

    /// The tree is empty: the attempt is over, and the task is terminal or back in the queue.
    static let end = Transition(
        task: [.starting, .running, .stopping], taskTo: nil,
        attempt: [.claimed, .armed, .running, .stopping, .exited], attemptTo: .ended,
        event: .attemptEnded, durability: .full)
}

/// Whether a commit survives a loss of power (`full`) or only the death of processes (`normal`).
enum Durability: String {
    case full = "FULL"
    case normal = "NORMAL"
}
