import Agents
import OutputLog
import ShepherdProtocol
import Synchronization

/// What an agent says and does, read from its stdout as it comes.
final class AgentTranscript: Sendable {
    private struct State {
        var reader = StreamJSONReader()
    }

    private let state = Mutex(State())
    private let onStep: (@Sendable (AgentStep) -> Void)?

    init(onStep: (@Sendable (AgentStep) -> Void)?) { self.onStep = onStep }

    func take(_ piece: OutputPiece) {
        guard piece.stream == .stdout else { return }
        let steps = state.withLock { state -> [AgentStep] in
            switch piece {
            case .data(_, let bytes, _): return state.reader.feed(bytes)
            case .gap:
                state.reader.skipGap()
                return []
            }
        }
        for step in steps { onStep?(step) }
    }

    /// The stream is over.
    func finish() -> AgentSummary {
        let (steps, summary) = state.withLock { state -> ([AgentStep], AgentSummary) in
            let steps = state.reader.finish()
            return (steps, state.reader.summary)
        }
        for step in steps { onStep?(step) }
        return summary
    }
}
