internal import CCage
internal import ShepherdProtocolEmbedded

/// Reports on their way to the supervisor: never blocks, never grows beyond one of each kind.
///
/// Facts (hello, started, exit, …) are kept in order; progress (output, usage, heartbeat) is replaced by its newest value
/// until there is room in the pipe; denied calls are one for each of them.
struct Outbox {
    private var facts: [Report] = []
    private var output: OutputCount?
    private var usage: Usage?
    private var heartbeat: UInt64?
    private var stuck: UInt32?
    private var deniedCalls: [DeniedCall] = []
    private var sequence: UInt32 = 0
    private var writing = Bytes()
    private var written = 0

    var isEmpty: Bool {
        writing.isEmpty && facts.isEmpty && output == nil && usage == nil && heartbeat == nil && stuck == nil
            && deniedCalls.isEmpty
    }

    mutating func post(_ report: Report) {
        switch report {
        case .output(let totals): output = totals
        case .usage(let sample): usage = sample
        case .heartbeat(let at): heartbeat = at
        case .stuck(let processes): stuck = processes
        case .denied(let denied):
            if let index = deniedCalls.firstIndex(where: { $0.call == denied.call }) {
                deniedCalls[index] = denied
            } else {
                deniedCalls.append(denied)
            }
        default: facts.append(report)
        }
    }

    /// Writes what fits.
    ///
    /// - Returns: false when the supervisor's end is gone.
    mutating func flush(to descriptor: Int32) -> Bool {
        while true {
            if writing.isEmpty {
                guard let report = next() else { return true }
                writing = Frame.frames(of: report.type, payload: report.payload, sequence: &sequence)
                written = 0
            }
            let count = writing.withUnsafeBytes {
                CCage.write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count < 0 {
                let error = cage_errno()
                if error == EINTR { continue }
                return error == EAGAIN
            }
            written += count
            if written == writing.count { writing.removeAll(keepingCapacity: true) }
        }
    }

    private mutating func next() -> Report? {
        // Before the facts, for the last of those ends the attempt.
        if !deniedCalls.isEmpty { return .denied(deniedCalls.removeFirst()) }
        if !facts.isEmpty { return facts.removeFirst() }
        if let totals = output {
            output = nil
            return .output(totals)
        }
        if let sample = usage {
            usage = nil
            return .usage(sample)
        }
        if let processes = stuck {
            stuck = nil
            return .stuck(processes: processes)
        }
        if let at = heartbeat {
            heartbeat = nil
            return .heartbeat(at: at)
        }
        return nil
    }
}
