import Foundation
import Glibc
import MCP
import MCPClients

/// A server that was started to be asked something, as a client starts it: a message a line, over its standard streams.
final class CheckConversation {
    /// Why it is no good, in a sentence.
    struct Problem: Error {
        var message: String
        init(_ message: String) { self.message = message }
    }

    let began = ContinuousClock.now
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var buffer: [UInt8] = []
    private var number: Int64 = 0

    /// Until an answer has to be there; it takes a thousandth of that.
    private static let patience = Duration.seconds(20)

    /// - Parameter isHeard: whether what it has to say to people is let through.
    init(_ server: ServerEntry, isHeard: Bool) throws(Problem) {
        process.executableURL = URL(fileURLWithPath: server.command)
        process.arguments = server.arguments
        process.standardInput = input
        process.standardOutput = output
        if !isHeard { process.standardError = FileHandle.nullDevice }
        do {
            try process.run()
        } catch {
            throw Problem("it does not start: \(error.localizedDescription)")
        }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    // MARK: - Talking

    /// - Returns: the result.
    func ask(_ method: String, _ params: JSON) throws(Problem) -> JSON {
        number += 1
        try send(["jsonrpc": "2.0", "id": .integer(number), "method": .string(method), "params": params])
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let message = try receive(until: deadline, method)
            // What is told unasked is none of ours.
            guard message["method"] == nil else { continue }
            guard message["id"] == .integer(number) else { throw Problem("\(method): an answer to something else") }
            if let error = message["error"] {
                throw Problem(
                    "\(method): \(error["message"]?.string ?? "an error") (\(error["code"]?.text ?? "no code"))")
            }
            guard let result = message["result"] else { throw Problem("\(method): neither a result nor an error") }
            return result
        }
    }

    func tell(_ method: String) throws(Problem) {
        try send(["jsonrpc": "2.0", "method": .string(method)])
    }

    private func send(_ message: JSON) throws(Problem) {
        let code = writeAll(message.bytes + [10], to: input.fileHandleForWriting.fileDescriptor)
        guard code == 0 else { throw Problem("it does not read: \(String(cString: strerror(code)))") }
    }

    private func receive(until deadline: ContinuousClock.Instant, _ method: String) throws(Problem) -> JSON {
        let descriptor = output.fileHandleForReading.fileDescriptor
        while true {
            if let end = buffer.firstIndex(of: 10) {
                defer { buffer.removeFirst(end + 1) }
                guard let message = try? JSONParser.read(buffer[..<end]).value else {
                    throw Problem("\(method): a line that is no JSON")
                }
                return message
            }
            let left = deadline - ContinuousClock.now
            guard left > .zero else {
                throw Problem("\(method): no answer within \(Self.patience.components.seconds) s")
            }
            var one = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&one, 1, Int32(left / .milliseconds(1)) + 1) > 0 else { continue }
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Problem("\(method): it has ended without an answer") }
            buffer += data
        }
    }

    /// Ends its input, after which it has to go by itself.
    func end() throws(Problem) {
        do {
            try input.fileHandleForWriting.close()
        } catch {
            throw Problem("its input cannot be closed: \(error.localizedDescription)")
        }
        let deadline = ContinuousClock.now + .seconds(5)
        while process.isRunning, ContinuousClock.now < deadline { usleep(1000) }
        guard !process.isRunning else { throw Problem("it does not end when its input does") }
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw Problem("it ended with \(process.terminationStatus) instead of 0")
        }
    }
}
