import CCage
import Glibc
import ShepherdProtocol
import Store

/// Tries an order as a task would: a real shepherd, a real START, a worker that does nothing.
///
/// Synchronous, because a probe is over in some milliseconds.
struct CageProbe {
    /// What became of one order.
    enum Answer: Equatable {
        /// The worker was executed: all that was ordered is in force. `denied`: a call of its was refused and reported.
        case stands(CageReceipt, denied: Bool)
        case fails(SpawnError)
    }

    /// Its path; it is also the worker, which ends at once with 64 for want of its descriptors (EX_USAGE).
    let shepherd: String
    /// A directory of the probe's own.
    let directory: String

    /// Milliseconds until an answer is given up; a cage takes some 20.
    private static let patience: Int32 = 10_000

    func run(_ cage: CageOrder) throws(SupervisionError) -> Answer {
        var order = StartOrder()
        order.fence = 1
        order.nonce = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        order.clocks.wall = 5_000_000_000
        order.candidates = [Bytes(shepherd.utf8)]
        order.arguments = [Bytes("claudine-probe".utf8)]
        order.environment = [Bytes("\(NonceSweep.variable)=\(NonceSweep.text(order.nonce))".utf8)]
        order.workingDirectory = Bytes("/".utf8)
        order.cage = cage
        return try run(order)
    }

    private func run(_ order: StartOrder) throws(SupervisionError) -> Answer {
        let attempt = try ProbeDirectory(in: directory)
        let folder = attempt.path
        let receipt = try Descriptor.open("\(folder)/receipt", O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        let blank = ReceiptFile(fence: order.fence, nonce: order.nonce).encoded
        guard write(receipt.number, blank, blank.count) == blank.count else { throw .file("\(folder)/receipt", errno) }
        let inheritance = ShepherdProcess.Inheritance(
            attemptDirectory: try .open(folder, O_RDONLY | O_DIRECTORY),
            standardInput: try .open("/dev/null", O_RDONLY),
            log: try .open("/dev/null", O_WRONLY))
        let process = try ShepherdProcess.start(path: shepherd, title: "probe", inheriting: inheritance)
        var sequence: UInt32 = 0
        send(.start(order), &sequence, process.commands)
        do throws(SupervisionError) {
            let answer = try listen(process.reports)
            send(.acknowledge, &sequence, process.commands)
            Self.reap(process.pid)
            return answer
        } catch {
            // What it holds dies with it.
            kill(process.pid, SIGKILL)
            Self.reap(process.pid)
            throw error
        }
    }

    private func send(_ command: Command, _ sequence: inout UInt32, _ pipe: borrowing Descriptor) {
        var bytes = Frame.frames(of: command.type, payload: command.payload, sequence: &sequence)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { write(pipe.number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            // One that went away is noticed by its silence.
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    /// Until the tree is empty, so that nothing of one probe is there when the next begins.
    private func listen(_ pipe: borrowing Descriptor) throws(SupervisionError) -> Answer {
        var decoder = FrameDecoder()
        var receipt: CageReceipt?
        var denied = false
        var buffer = Bytes(repeating: 0, count: 16 << 10)
        let limit = cage_boottime() + UInt64(Self.patience) * 1_000_000
        while cage_boottime() < limit {
            var readable = pollfd(fd: pipe.number, events: Int16(POLLIN), revents: 0)
            let ready = poll(&readable, 1, Self.patience)
            if ready < 0, errno == EINTR { continue }
            let count = ready > 0 ? read(pipe.number, &buffer, buffer.count) : 0
            guard count > 0 else { throw .shepherdSilent(path: shepherd) }
            decoder.append(Bytes(buffer[..<count]))
            do {
                while let frame = try decoder.next() {
                    switch try Report(type: frame.type, payload: frame.payload) {
                    case .hello(let hello) where !hello.lockHeld: throw SupervisionError.lockTaken(directory)
                    case .receipt(let found): receipt = found
                    case .denied: denied = true
                    case .spawnError(let error): return .fails(error)
                    case .treeEmpty:
                        guard let receipt else { throw SupervisionError.shepherdSilent(path: shepherd) }
                        return .stands(receipt, denied: denied)
                    default: break
                    }
                }
            } catch let error as SupervisionError {
                throw error
            } catch {
                throw .shepherdSilent(path: shepherd)
            }
        }
        throw .shepherdSilent(path: shepherd)
    }

    /// It ends once it is acknowledged and nothing of its cage is left.
    private static func reap(_ pid: pid_t) {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        OrphanSweep.forget(pid)
    }
}
