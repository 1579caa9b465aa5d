import Logging
import Policy
import Store
import Testing

@testable import Supervision

@Suite struct LogTests {
    private static let task = TaskID("task_" + String(repeating: "a", count: 26))

    /// An event of each kind with its line, but for the time in front.
    private static let golden: [(Log.Event, String)] =
        task.map { task in
            let named = "\"task\":\"\(task.text)\",\"attempt\":2"
            return [
                (
                    .daemonStarted(pid: 4711, .onDemand),
                    #""notice","message":"The daemon has started.","event":"daemon.started","origin":"onDemand","pid":4711"#
                ),
                (
                    .daemonReady(wallMs: 12),
                    #""notice","message":"The daemon takes tasks from the queue.","event":"daemon.ready","wallMs":12"#
                ),
                (
                    .daemonStopping(why: "idle"),
                    #""notice","message":"The daemon starts nothing more.","event":"daemon.stopping","why":"idle""#
                ),
                (
                    .daemonLeaving(exitCode: 75),
                    #""notice","message":"The daemon leaves.","event":"daemon.leaving","exitCode":75"#
                ),
                (
                    .signalReceived(15),
                    #""notice","message":"A signal has arrived.","event":"signal.received","signal":"SIGTERM""#
                ),
                (
                    .recoveryBegan(unfinished: 3),
                    #""info","message":"Recovery looks for attempts that nobody runs any more.","event":"recovery.began","unfinished":3"#
                ),
                (
                    .recoveryEnded(.init(ended: 1, requeued: 2, alive: 0)),
                    #""info","message":"Recovery has finished.","event":"recovery.ended","alive":0,"ended":1,"requeued":2"#
                ),
                (
                    .recoveryFailed(what: "a cgroup cannot be emptied", .busy),
                    #""critical","message":"Recovery cannot finish, so nothing is started.","event":"recovery.failed","code":"store.busy","what":"a cgroup cannot be emptied""#
                ),
                (
                    .attemptClaimed(task, attempt: 2),
                    #""debug","message":"An attempt has been claimed.","event":"attempt.claimed","# + named
                ),
                (
                    .attemptStarted(task, attempt: 2),
                    #""info","message":"An attempt runs.","event":"attempt.started","# + named
                ),
                (
                    .attemptEnded(task, attempt: 2, state: .timedOut, .timeoutWall, wallMs: 1_800_000),
                    #""info","message":"An attempt has ended.","event":"attempt.ended","# + named
                        + #","reason":"timeout.wall","state":"timedOut","wallMs":1800000"#
                ),
                (
                    .attemptEnded(task, attempt: 2, state: .succeeded, nil, wallMs: nil),
                    #""info","message":"An attempt has ended.","event":"attempt.ended","# + named
                        + #","state":"succeeded""#
                ),
                (
                    .admissionBlocked([.memory, .startRate]),
                    #""info","message":"Nothing more is started for now.","event":"admission.blocked","blockedBy":["memory","startRate"]"#
                ),
                (
                    .admissionUnblocked,
                    #""info","message":"Attempts are started again.","event":"admission.unblocked""#
                ),
                (
                    .spawnBreakerOpened(retryInMs: 250),
                    #""warning","message":"Shepherds cannot be started; the next try has to wait.","event":"spawnBreaker.opened","retryInMs":250"#
                ),
                (
                    .spawnBreakerClosed,
                    #""notice","message":"Shepherds can be started again.","event":"spawnBreaker.closed""#
                ),
                (
                    .queueSwept(removed: 40),
                    #""info","message":"Ended tasks have been removed with their files.","event":"queue.swept","removed":40"#
                ),
                (
                    .storeFailed(.full),
                    #""error","message":"The store has failed.","event":"store.failed","code":"store.full""#
                ),
                (
                    .unforeseen("a shepherd spoke twice"),
                    #""error","message":"Something unforeseen has happened.","event":"unforeseen","what":"a shepherd spoke twice""#
                ),
            ]
        } ?? []

    @Test func everyKindHasItsLine() throws {
        #expect(Set(Self.golden.map(\.0.kind)) == Set(Log.Event.Kind.allCases))
        let file = try LogFile()
        let log = try file.log()
        for (event, _) in Self.golden { log.event(event) }
        let lines = try file.lines
        #expect(lines == Self.golden.map { "{\"time\":\"2025-11-23T20:00:00.042Z\",\"level\":\($0.1)}" })
        for line in lines { #expect(try members(of: line)["event"]?.stringValue != nil) }
    }

    /// Whoever adds a case that could carry a prompt, a path or a variable is stopped here.
    @Test func noPayloadCanHoldATextOfSomebodyElses() {
        for (event, _) in Self.golden { #expect(texts(in: event) == [], "\(event.kind.rawValue)") }
        #expect(texts(in: ["a text"]) == ["String"] && texts(in: Optional("a text") as Any) == ["String"])
    }

    /// The types of all that is in a value and could be any text.
    private func texts(in value: Any) -> [String] {
        switch value {
        case is any FixedWidthInteger, is StaticString, is TaskID, is any RawRepresentable<String>: return []
        default: break
        }
        let mirror = Mirror(reflecting: value)
        guard let style = mirror.displayStyle, style != .class else { return ["\(type(of: value))"] }
        return mirror.children.flatMap { texts(in: $0.value) }
    }

    @Test(arguments: ServeConfiguration.LogLevel.allCases)
    func onlyTheLevelAndAboveIsWritten(least: ServeConfiguration.LogLevel) throws {
        let file = try LogFile()
        let log = try file.log(from: least)
        for (event, _) in Self.golden { log.event(event) }
        let order = ServeConfiguration.LogLevel.allCases
        let wanted = Self.golden.map(\.0.kind).filter { kind in
            (order.firstIndex(of: kind.level) ?? 0) >= (order.firstIndex(of: least) ?? 0)
        }
        #expect(try file.lines.map { try members(of: $0)["event"]?.stringValue } == wanted.map(\.rawValue))
    }

    @Test func silenceIsSilent() { Log.silent.event(.unforeseen("nobody hears this")) }

    /// Nothing of ours needs it, and still: what ends a line or a string must not.
    @Test func anyTextWouldStayOneLine() throws {
        let file = try LogFile()
        let odd = "a \"b\" \\ \n\r\t\u{0}\u{1b}[2J\u{7f}\u{9b}é😀\u{2028}"
        var handler = JSONLogHandler(lines: try LineWriter(file.descriptor), logLevel: .trace, now: Timestamp.now)
        handler[metadataKey: "of the handler"] = .dictionary([odd: .array([.string(odd), .stringConvertible(1.5)])])
        handler.log(
            event: .init(
                level: .info, message: "\(odd)", metadata: ["own": .string(odd)], source: nil, file: "", function: "",
                line: 1))
        let lines = try file.lines
        #expect(lines.count == 1)
        let line = try members(of: lines[0])
        #expect(line["message"] == .string(odd) && line["own"] == .string(odd))
        #expect(line["of the handler"]?[odd] == [.string(odd), "1.5"])
        #expect(!lines[0].unicodeScalars.contains { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) })
    }
}
