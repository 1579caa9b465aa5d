import Foundation
import Glibc
import OutputLog
import Policy
import ShepherdProtocol
import Store
import Supervision
import Synchronization

/// Tries the battery under one policy, and where it is safe without any.
struct BatteryRun {
    let ground: BatteryGround
    let caller: Caller
    let policy: String
    /// Told how far it is.
    let progress: (String) -> Void

    /// What the cage of a run was made of.
    private final class Seen: Sendable {
        let prepared = Mutex<PreparedAttempt?>(nil)
        let output = Mutex<[UInt8]>([])
    }

    struct Outcome {
        var record: TaskRecord
        var hint: String?
        var verdicts: [ProbeVerdict]
    }

    // MARK: - The table

    func probes() throws(Failure) -> [Probe] {
        let text = try outside(["--list", "--json"])
        do {
            return try JSONDecoder().decode(Probe.Table.self, from: Data(text.utf8)).probes
        } catch {
            throw Failure(
                "battery.table", "claudine-battery does not describe itself as this claudine expects: \(error)",
                hint: "install claudine and claudine-battery together", exitCode: ExitCodes.no)
        }
    }

    // MARK: - Under the policy

    /// - Returns: no verdicts for a policy that cannot be enforced here.
    func attempt(_ probes: [Probe]) async throws -> Outcome {
        progress("trying \(probes.count) attacks outside, where that is safe")
        let controls = try controls(probes)
        let store = try Store.open(ground.paths)
        var verdicts: [ProbeVerdict] = []
        var last: ForegroundRun.Result?
        let batches = [probes.filter { !$0.alone }] + probes.filter(\.alone).map { [$0] }
        for batch in batches where !batch.isEmpty {
            progress("trying \(batch.count == 1 ? batch[0].name : "\(batch.count) attacks") under \(policy)")
            let seen = Seen()
            let result = try await run(batch, in: store, seen)
            last = result
            guard let prepared = seen.prepared.withLock({ $0 }), result.record.startedAt != nil else { break }
            let walls = WallsInForce(prepared, places: ground.places)
            var answers = Self.answers(seen.output.withLock { String(decoding: $0, as: UTF8.self) })
            for (name, answer) in answers where answer == "planted" { answers[name] = "denied ESRCH" }
            for name in try survivors() { answers[name] = "worked" }
            for probe in batch {
                // A probe that kills everything takes its own answer with it; that it was alone with itself is the answer.
                let silent = probe.alone ? "denied ESRCH" : "no answer"
                verdicts.append(
                    ProbeVerdict(
                        probe, control: controls[probe.name], answer: answers[probe.name] ?? silent,
                        wall: walls.first(against: probe)))
            }
        }
        guard let last else { throw Failure("battery.empty", "No probe was chosen.", exitCode: ExitCodes.usage) }
        let order = Dictionary(uniqueKeysWithValues: probes.enumerated().map { ($1.name, $0) })
        verdicts.sort { order[$0.name, default: 0] < order[$1.name, default: 0] }
        return Outcome(record: last.record, hint: last.hint, verdicts: verdicts)
    }

    private func run(_ batch: [Probe], in store: Store, _ seen: Seen) async throws -> ForegroundRun.Result {
        var request = RunRequest()
        request.programs = [ground.program]
        let spec = TaskSpec(
            command: [ground.program] + ground.words + batch.map(\.name), workspace: ground.workspace, policy: policy)
        return try await ForegroundRun(
            store: store, preparation: Preparation(caller: hostile(caller), paths: ground.paths), bounds: .none
        ).run(spec, request) { prepared in
            seen.prepared.withLock { $0 = prepared }
            var observer = AttemptObserver()
            observer.onOutput = { piece in
                if case .data(.stdout, let bytes, _) = piece { seen.output.withLock { $0 += bytes } }
                return true
            }
            return observer
        }
    }

    /// The caller with something to steal, and a gateway that leads nowhere: no request of the battery's reaches anybody.
    private func hostile(_ caller: Caller) -> Caller {
        var caller = caller
        caller.environment[BatteryGround.variable] = "outside"
        caller.environment["BATTERY_KEY"] = "none"
        caller.configuration.credential = "env:BATTERY_KEY"
        // tcpmux(1): reserved, and nobody listens.
        caller.configuration.upstream = "http://127.0.0.1:1"
        return caller
    }

    // MARK: - Outside

    private func controls(_ probes: [Probe]) throws(Failure) -> [String: String] {
        var found: [String: String] = [:]
        for control in [Probe.Control.bare, .root, .namespaces] where control != .root || geteuid() == 0 {
            let names = probes.filter { $0.control == control && !$0.alone }.map(\.name)
            guard !names.isEmpty else { continue }
            if control == .namespaces {
                let unshare = "/usr/bin/unshare"
                guard access(unshare, X_OK) == 0 else { continue }
                let words = ["-U", "-r", "-m", "-p", "-f", "-n", "-u", "-i", "--mount-proc", ground.program]
                found.merge(
                    Self.answers(try outside(words + ground.words + ["isolate=yes"] + names, program: unshare))
                ) { $1 }
            } else {
                found.merge(Self.answers(try outside(ground.words + names))) { $1 }
            }
            for name in try survivors() { found[name] = "worked" }
        }
        return found
    }

    /// Planted processes that are still there; they are ended.
    private func survivors() throws(Failure) -> [String] {
        Array(Self.answers(try outside(["--survivors", "--kill"])).keys)
    }

    /// Runs a program of the host's to its end. What it writes goes to a file, for what outlives it would hold a pipe open; and not
    /// by Foundation's Process, which waits for whatever inherited a socket of its own.
    private func outside(_ arguments: [String], program: String? = nil) throws(Failure) -> String {
        let path = program ?? ground.program
        let output = ground.outputFile
        func failure(_ code: Int32) -> Failure {
            Failure("battery.run", "\(path) cannot be run: \(String(cString: strerror(code)))", exitCode: ExitCodes.no)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        let given: [String] = [path] + arguments
        var words: [UnsafeMutablePointer<CChar>?] = given.map { strdup($0) } + [nil]
        let variables: [String] = ["PATH=/usr/bin:/bin", "\(BatteryGround.variable)=outside"]
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for word in words + environment { free(word) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, path, &actions, nil, &words, &environment)
        guard error == 0 else { throw failure(error) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            guard errno == EINTR else { throw failure(errno) }
        }
        do {
            return try String(contentsOfFile: output, encoding: .utf8)
        } catch {
            throw failure(EIO)
        }
    }

    private static func answers(_ text: String) -> [String: String] {
        var found: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2 { found[String(parts[0])] = String(parts[1]) }
        }
        return found
    }
}
