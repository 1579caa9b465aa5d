/// The life of a task: what may happen, and what it does where it happens. Reading this table is reading the product.
///
/// Each row is one event, each column a place where a task can stand when the event arrives. Every transaction that moves a task
/// or an attempt looks its cell up and does what it says; nothing else writes a state. What arrives where it has no meaning
/// (twice, too late, overtaken) is ignored and counted in the attempt's row. What reaches `ended` by anything but a new attempt
/// gives the task its final state, and lets go or forsakes the tasks that wait for it, all in the same transaction.
///
/// The rules R1–R34 that the cells keep are those of studies of supervision, A.7; Tests/SupervisionTests/RaceRules has a test of
/// each name.
enum StateMachine {
    enum Event: CaseIterable {
        /// Every task it waits for has ended well enough.
        case unblock
        /// A task it waits for has not (R32).
        case forsake
        /// It has waited longer than its queue deadline (R31).
        case expire
        /// It cannot run as it was asked to.
        case refuse
        /// An instance takes it, with a slot, a fence and a frozen configuration.
        case claim
        /// The shepherd is up: START may be sent.
        case arm
        /// The agent was exec'ed.
        case start
        /// Somebody wants it to stop; the first reason is a latch (R3–R10).
        case ask
        /// Its supervisor or shepherd has begun to stop it.
        case stop
        /// The leader is gone.
        case exit
        /// Its tree cannot be emptied.
        case stick
        /// This attempt is over and there will be another: it provably never ran, or it is to be tried again.
        case again
        /// The tree is empty, and it will not be tried again.
        case end
    }

    enum Cell: Equatable {
        /// It stands there now, and that is written down.
        case to(Standing)
        /// It is written down, and nothing moves.
        case stays
        /// It has no meaning here.
        case ignored
    }

    /// One event in every place.
    struct Row {
        let blocked, queued, claimed, armed, running, stopping, exited, ended: Cell
        /// What it is called in the event log.
        let logged: EventKind
        /// A promised commit reaches the disk before anybody acts on it; a progress note need not.
        let durability: Durability
        /// What the commit allows, and nothing does before it.
        let effect: Effect?

        init(
            _ blocked: Cell, _ queued: Cell, _ claimed: Cell, _ armed: Cell, _ running: Cell, _ stopping: Cell,
            _ exited: Cell, _ ended: Cell, _ logged: EventKind, _ durability: Durability,
            _ effect: Effect? = nil
        ) {
            self.blocked = blocked
            self.queued = queued
            self.claimed = claimed
            self.armed = armed
            self.running = running
            self.stopping = stopping
            self.exited = exited
            self.ended = ended
            self.logged = logged
            self.durability = durability
            self.effect = effect
        }

        subscript(standing: Standing) -> Cell {
            switch standing {
            case .blocked: blocked
            case .queued: queued
            case .claimed: claimed
            case .armed: armed
            case .running: running
            case .stopping: stopping
            case .exited: exited
            case .ended: ended
            }
        }
    }

    enum Effect: Equatable {
        /// The shepherd gets START.
        case sendStart
        /// The instance that runs it is woken.
        case wakeInstance
    }

    // The columns say more than the length of a line.
    // swift-format-ignore
    static func row(_ event: Event) -> Row {
        let no = Cell.ignored
        let end = Cell.to(.ended)
        return switch event {
        //                  blocked       queued         claimed         armed           running         stopping      exited         ended
        case .unblock: Row(.to(.queued), no,            no,             no,             no,             no,           no,            no, .taskQueued, .full)
        case .forsake: Row(end,          no,            no,             no,             no,             no,           no,            no, .taskEnded, .full)
        case .expire:  Row(end,          end,           no,             no,             no,             no,           no,            no, .taskEnded, .full)
        case .refuse:  Row(end,          end,           no,             no,             no,             no,           no,            no, .taskEnded, .full)
        case .claim:   Row(no,           .to(.claimed), no,             no,             no,             no,           no,            no, .attemptClaimed, .full)
        case .arm:     Row(no,           no,            .to(.armed),    no,             no,             no,           no,            no, .attemptArmed, .full, .sendStart)
        case .start:   Row(no,           no,            no,             .to(.running),  no,             .stays,       no,            no, .attemptStarted, .normal)
        case .ask:     Row(end,          end,           .stays,         .stays,         .stays,         .stays,       .stays,        no, .taskStopRequested, .full, .wakeInstance)
        case .stop:    Row(no,           no,            .to(.stopping), .to(.stopping), .to(.stopping), no,           no,            no, .attemptStopping, .normal)
        case .exit:    Row(no,           no,            no,             .to(.exited),   .to(.exited),   .to(.exited), no,            no, .attemptExited, .normal)
        case .stick:   Row(no,           no,            .stays,         .stays,         .stays,         .stays,       .stays,        no, .attemptStuck, .normal)
        case .again:   Row(no,           no,            .to(.queued),   .to(.queued),   .to(.queued),   .to(.queued), .to(.queued),  no, .attemptEnded, .full)
        case .end:     Row(no,           no,            end,            end,            end,            end,          end,           no, .attemptEnded, .full)
        }
    }
}

/// Whether a commit survives a loss of power (`full`) or only the death of processes (`normal`).
enum Durability: String {
    case full = "FULL"
    case normal = "NORMAL"
}
