import Testing

@testable import Store

struct RecordJSONTests {
    private let id: TaskID

    init() throws {
        id = try #require(TaskID("task_" + String(repeating: "a", count: 26)))
    }

    @Test func aFinishedTaskIsTheContractsObject() throws {
        let fixture = try Fixture()
        let store = try fixture.open()
        var spec = TaskSpec(agent: "claude", prompt: "say \"hi\" / ü", workspace: "/w", policy: "strict")
        spec.name = "n"
        spec.labels = ["a", "b"]
        spec.retryOf = id
        let claim = try store.enqueueAndClaim(spec, id: id, frozen: fixture.frozen, instance: identity())
        #expect(try store.arm(claim, shepherd: ProcessIdentity(pid: 1, startTime: 2)) == .armed)
        #expect(try store.started(claim, child: ProcessIdentity(pid: 3, startTime: 4), receipt: ["capEff": "0"]))
        var ending = Ending(Reason(.limitMemory, "Too much.", detail: ["limitBytes": 5]))
        ending.exit = .signal("SIGKILL")
        ending.stragglers = 2
        ending.output = OutputTotals(stdoutBytes: 7)
        ending.resources = ResourceUse(cpuMs: 1, maxRssBytes: 2)
        ending.usage = ModelUsage()
        ending.usage?.inputTokens = 3
        ending.usage?.costUsd = 0.25
        ending.sessionId = "s"
        ending.result = AgentResult(text: "t", isError: true)
        ending.wallMs = 9
        #expect(try store.end(claim, ending))
        var record = try #require(try store.record(id))
        let instant = Timestamp(milliseconds: 1_795_446_780_042)
        (record.createdAt, record.startedAt, record.endedAt) = (instant, instant, instant)
        #expect(
            try JSONText.encode(record, pretty: true) == """
                {
                  "agent" : "claude",
                  "attempt" : 1,
                  "attempts" : 1,
                  "createdAt" : "2026-11-23T15:13:00.042Z",
                  "endedAt" : "2026-11-23T15:13:00.042Z",
                  "exit" : {
                    "signal" : "SIGKILL"
                  },
                  "labels" : [
                    "a",
                    "b"
                  ],
                  "limits" : {
                    "wallSeconds" : 60
                  },
                  "name" : "n",
                  "output" : {
                    "stderrBytes" : 0,
                    "stderrDropped" : 0,
                    "stdoutBytes" : 7,
                    "stdoutDropped" : 0
                  },
                  "policy" : {
                    "containment" : "kernel",
                    "degraded" : [

                    ],
                    "digest" : "sha256:ab",
                    "layers" : [
                      "userNamespace"
                    ],
                    "name" : "strict"
                  },
                  "priority" : "P2",
                  "prompt" : "say \\"hi\\" / ü",
                  "reason" : {
                    "code" : "limit.memory",
                    "detail" : {
                      "limitBytes" : 5
                    },
                    "message" : "Too much."
                  },
                  "receipt" : {
                    "capEff" : "0"
                  },
                  "resources" : {
                    "cpuMs" : 1,
                    "maxRssBytes" : 2
                  },
                  "result" : {
                    "isError" : true,
                    "text" : "t"
                  },
                  "retryOf" : "task_aaaaaaaaaaaaaaaaaaaaaaaaaa",
                  "sessionId" : "s",
                  "startedAt" : "2026-11-23T15:13:00.042Z",
                  "state" : "failed",
                  "stragglers" : 2,
                  "taskId" : "task_aaaaaaaaaaaaaaaaaaaaaaaaaa",
                  "usage" : {
                    "costUsd" : 0.25,
                    "inputTokens" : 3
                  },
                  "wallMs" : 9,
                  "workspace" : "/w"
                }
                """)
    }

    @Test func whatIsNotKnownIsAbsent() throws {
        let fixture = try Fixture()
        var record = try fixture.open().enqueue(fixture.spec())
        record.taskId = id
        record.createdAt = Timestamp(milliseconds: 0)
        #expect(
            try JSONText.encode(record) == #"""
                {"agent":"command","attempts":0,"command":["/bin/true"],"createdAt":"1970-01-01T00:00:00.000Z","labels":[],"limits":{},"output":{"stderrBytes":0,"stderrDropped":0,"stdoutBytes":0,"stdoutDropped":0},"policy":{"name":"strict"},"priority":"P2","state":"queued","taskId":"task_aaaaaaaaaaaaaaaaaaaaaaaaaa","workspace":"/w"}
                """#)
    }

    struct Case: Sendable {
        var reason: Reason
        var exit: WorkerExit?
        var code: Int32

        init(_ reason: Reason, _ exit: WorkerExit?, _ code: Int32) {
            self.reason = reason
            self.exit = exit
            self.code = code
        }
    }

    static let cases: [Case] = [
        Case(Reason(.exitNonzero), .code(3), 3), Case(Reason(.agentError), .code(0), 1),
        Case(Reason(.exitSignal), .signal("SIGSEGV"), 139), Case(Reason(.timeoutIdle), .code(0), 124),
        Case(StopOrigin.user.reason, .signal("SIGTERM"), 143), Case(StopOrigin.signal(2).reason, .code(0), 130),
        Case(StopOrigin.signal(15).reason, .code(0), 143), Case(Reason(.refusedPolicy), nil, 125),
        Case(Reason(.spawnNotFound), nil, 127), Case(Reason(.spawnNotExecutable), nil, 126),
        Case(Reason(.limitOutput), .signal("SIGKILL"), 137), Case(Reason(.lostReboot), nil, 125),
    ]

    @Test(arguments: cases) func exitCodesAreTheContracts(_ given: Case) throws {
        let fixture = try Fixture()
        var record = try fixture.open().refuse(fixture.spec(), given.reason)
        record.exit = given.exit
        #expect(record.exitCode == given.code)
    }
}
