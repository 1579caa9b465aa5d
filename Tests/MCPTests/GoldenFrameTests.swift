import Testing

@testable import MCP

/// What each method answers in each era, byte for byte.
@Suite struct GoldenFrameTests {
    /// What every result of 2026-07-28 ends with.
    private let signature =
        #""resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"sample","title":"Sample","version":"1"}}}"#

    private func result(_ members: String) -> String {
        #""result":{\#(members)\#(members.isEmpty ? "" : ",")\#(signature)"#
    }

    // MARK: - 2026-07-28

    @Test func discovery() async throws {
        #expect(
            try await Desk().ask("server/discover", Desk.modern())
                == result(
                    #""supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"prompts":{"listChanged":true},"completions":{},"logging":{},"extensions":{"io.modelcontextprotocol/tasks":{}}},"instructions":"Ask.","ttlMs":0,"cacheScope":"private""#
                ))
    }

    @Test func modernLists() async throws {
        let desk = Desk()
        let tools = try await desk.ask("tools/list", Desk.modern())
        #expect(
            tools.hasPrefix(
                #""result":{"tools":[{"name":"echo","title":"Echo","description":"Says it again.","inputSchema":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]},"outputSchema":{"type":"object"},"annotations":{"readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false},"_meta":{"x/y":1}},{"name":"hold","description":"Waits.","inputSchema":{"type":"object"}},"#
            ))
        #expect(tools.hasSuffix(#"],"ttlMs":0,"cacheScope":"private",\#(signature)"#))
        #expect(
            try await desk.ask("resources/list", Desk.modern())
                == result(
                    #""resources":[{"uri":"a:b","name":"b","title":"B","mimeType":"text/plain","size":1}],"ttlMs":0,"cacheScope":"private""#
                ))
        #expect(
            try await desk.ask("resources/templates/list", Desk.modern())
                == result(
                    #""resourceTemplates":[{"uriTemplate":"a:{x}","name":"x","title":"X","description":"An x."}],"ttlMs":0,"cacheScope":"private""#
                ))
        #expect(
            try await desk.ask("prompts/list", Desk.modern())
                == result(
                    #""prompts":[{"name":"p","title":"P","description":"A p.","arguments":[{"name":"a","description":"An a.","required":true}]}],"ttlMs":0,"cacheScope":"private""#
                ))
    }

    @Test func modernCalls() async throws {
        let desk = Desk()
        #expect(
            try await desk.ask("tools/call", Desk.modern(#""name":"echo","arguments":{"text":"é"}"#))
                == result(
                    #""content":[{"type":"text","text":"{\"text\":\"é\"}"},{"type":"resource_link","uri":"a:b","name":"b","title":"B"}],"structuredContent":{"text":"é"}"#
                ))
        #expect(
            try await desk.ask("tools/call", Desk.modern(#""name":"echo""#))
                == result(#""content":[{"type":"text","text":"'text' is missing."}],"isError":true"#))
        #expect(
            try await desk.ask("resources/read", Desk.modern(#""uri":"a:b""#))
                == result(
                    #""contents":[{"uri":"a:b","mimeType":"text/plain","text":"t"}],"ttlMs":5,"cacheScope":"private""#))
        #expect(
            try await desk.ask("prompts/get", Desk.modern(#""name":"p","arguments":{"a":"x"}"#))
                == result(#""description":"A p.","messages":[{"role":"user","content":{"type":"text","text":"x"}}]"#))
        #expect(
            try await desk.ask(
                "completion/complete",
                Desk.modern(#""ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"b"}"#))
                == result(#""completion":{"values":["bc"],"total":1,"hasMore":false}"#))
    }

    @Test func modernErrors() async throws {
        let desk = Desk()
        let errors: [(String, String, String)] = [
            ("ping", Desk.modern(), #"-32601,"message":"There is no method 'ping'.","data":{"method":"ping"}"#),
            (
                "tools/call", Desk.modern(#""name":"x""#),
                #"-32602,"message":"There is no tool 'x'.","data":{"tool":"x"}"#
            ),
            ("tools/call", Desk.modern(), #"-32602,"message":"'name' is missing.""#),
            (
                "tools/list", Desk.modern(#""cursor":"x""#),
                #"-32602,"message":"There is no page with this cursor: everything is on the first one.""#
            ),
            (
                "resources/read", Desk.modern(#""uri":"x""#),
                #"-32602,"message":"There is no such resource.","data":{"uri":"x"}"#
            ),
            ("prompts/get", Desk.modern(#""name":"p""#), #"-32602,"message":"The argument 'a' is missing.""#),
            ("tasks/get", Desk.modern(#""taskId":"x""#, Desk.tasks), #"-32602,"message":"There is no such task.""#),
            (
                "tasks/get", Desk.modern(#""taskId":"working""#),
                #"-32021,"message":"This needs a client that has declared the extension io.modelcontextprotocol/tasks.","data":{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}"#
            ),
            (
                "tools/call", Desk.modern(#""name":"ask""#),
                #"-32021,"message":"This needs a client that has declared {\"elicitation\":{\"form\":{}}}.","data":{"requiredCapabilities":{"elicitation":{"form":{}}}}"#
            ),
            (
                "tools/list", Desk.modern().replacing("2026-07-28", with: "2030-01-01"),
                #"-32022,"message":"The version '2030-01-01' of the protocol is not spoken here.","data":{"supported":["2026-07-28"],"requested":"2030-01-01"}"#
            ),
            (
                "tools/list", #"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#,
                #"-32602,"message":"'_meta[\"io.modelcontextprotocol/clientCapabilities\"]' is missing.","data":{"missing":"io.modelcontextprotocol/clientCapabilities"}"#
            ),
        ]
        for (method, params, error) in errors {
            #expect(try await desk.ask(method, params) == #""error":{"code":\#(error)}"#)
        }
    }

    @Test func tasks() async throws {
        let desk = Desk()
        let times =
            #""createdAt":"2026-07-28T00:00:00Z","lastUpdatedAt":"2026-07-28T00:00:01Z","ttlMs":null,"pollIntervalMs":2000"#
        #expect(
            try await desk.ask("tools/call", Desk.modern(#""name":"task""#, Desk.tasks))
                == result(#""taskId":"new","status":"working","statusMessage":"m",\#(times)"#)
                .replacing(#""resultType":"complete""#, with: #""resultType":"task""#))
        let details = [
            "working": "", "cancelled": "", "failed": #","error":{"code":-32603,"message":"e"}"#,
            "completed": #","result":{"content":[{"type":"text","text":"t"}],"isError":true,"resultType":"complete"}"#,
            "asking":
                #","inputRequests":{"k":{"method":"elicitation/create","params":{"mode":"form","message":"Who?","requestedSchema":{"type":"object"}}}}"#,
        ]
        for (id, detail) in details {
            let status = id == "asking" ? "input_required" : id
            #expect(
                try await desk.ask("tasks/get", Desk.modern(#""taskId":"\#(id)""#, Desk.tasks))
                    == result(#""taskId":"\#(id)","status":"\#(status)","statusMessage":"m",\#(times)\#(detail)"#))
        }
        #expect(try await desk.ask("tasks/cancel", Desk.modern(#""taskId":"working""#, Desk.tasks)) == result(""))
        #expect(
            try await desk.ask("tasks/update", Desk.modern(#""taskId":"asking","inputResponses":{}"#, Desk.tasks))
                == result(""))
    }

    @Test func questions() async throws {
        let desk = Desk()
        let able = #"{"elicitation":{}}"#
        let asked = try await desk.ask("tools/call", Desk.modern(#""name":"ask""#, able))
        let state = try #require(asked.firstMatch(of: /"requestState":"([0-9a-f]{32})"/)?.1)
        #expect(
            asked
                == result(
                    #""resultType":"input_required","inputRequests":{"name":{"method":"elicitation/create","params":{"mode":"form","message":"Who?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}}},"requestState":"\#(state)""#
                ).replacing(#","resultType":"complete""#, with: ""))
        #expect(
            try await desk.ask(
                "tools/call",
                Desk.modern(
                    #""name":"ask","requestState":"\#(state)","inputResponses":{"name":{"action":"accept","content":{"name":"x"}},"other":{}}"#,
                    able))
                == result(#""content":[{"type":"text","text":"{\"name\":\"x\"} {\"asked\":true} name"}]"#))
    }

    @Test func subscription() async throws {
        let desk = Desk()
        let meta = #""_meta":{"io.modelcontextprotocol/subscriptionId":"s"}"#
        let ended = try await desk.ask(
            "subscriptions/listen",
            Desk.modern(
                #""notifications":{"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":["a:b","x"],"taskIds":["working"]}"#,
                Desk.tasks), id: #""s""#)
        // The sample's changes come to their end, and with them the subscription.
        #expect(
            ended
                == #""result":{"_meta":{"io.modelcontextprotocol/subscriptionId":"s","io.modelcontextprotocol/serverInfo":{"name":"sample","title":"Sample","version":"1"}},"resultType":"complete"}"#
        )
        #expect(
            desk.frames.dropLast() == [
                #"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:b"],"taskIds":["working"]},\#(meta)}}"#,
                #"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{\#(meta)}}"#,
                #"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b",\#(meta)}}"#,
                #"{"jsonrpc":"2.0","method":"notifications/tasks","params":{"taskId":"working","status":"working","statusMessage":"m","createdAt":"2026-07-28T00:00:00Z","lastUpdatedAt":"2026-07-28T00:00:01Z","ttlMs":null,"pollIntervalMs":2000,\#(meta)}}"#,
            ])
    }

    // MARK: - Before

    @Test(arguments: [
        ("2024-11-05", "2024-11-05"), ("2025-03-26", "2025-03-26"), ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"), ("2099-01-01", "2025-11-25"), ("", "2025-11-25"),
    ])
    func opening(wanted: String, agreed: String) async throws {
        #expect(
            try await Desk().initialize(wanted)
                == #""result":{"protocolVersion":"\#(agreed)","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"prompts":{"listChanged":true},"completions":{},"logging":{}},"serverInfo":{"name":"sample","title":"Sample","version":"1"},"instructions":"Ask."}"#
        )
    }

    @Test func oldVersionsDoNotSeeWhatCameLater() async throws {
        let texts = [
            ("2024-11-05", #"{"type":"text","text":"{\"text\":\"x\"}"},{"type":"text","text":"a:b"}]}"#, ""),
            ("2025-03-26", #"{"type":"text","text":"{\"text\":\"x\"}"},{"type":"text","text":"a:b"}]}"#, ""),
            (
                "2025-06-18",
                #"{"type":"text","text":"{\"text\":\"x\"}"},{"type":"resource_link","uri":"a:b","name":"b","title":"B"}],"structuredContent":{"text":"x"}}"#,
                #""title":"B","#
            ),
        ]
        for (version, content, title) in texts {
            let desk = Desk()
            _ = try await desk.initialize(version)
            #expect(
                try await desk.ask("tools/call", #"{"name":"echo","arguments":{"text":"x"}}"#)
                    == #""result":{"content":[\#(content)"#)
            #expect(
                try await desk.ask("resources/list")
                    == #""result":{"resources":[{"uri":"a:b","name":"b",\#(title)"mimeType":"text/plain","size":1}]}"#)
            #expect(
                try await desk.ask("resources/read", #"{"uri":"a:b"}"#)
                    == #""result":{"contents":[{"uri":"a:b","mimeType":"text/plain","text":"t"}]}"#)
            #expect(
                try await desk.ask("resources/read", #"{"uri":"x"}"#)
                    == #""error":{"code":-32002,"message":"There is no such resource.","data":{"uri":"x"}}"#)
            #expect(try await desk.ask("ping") == #""result":{}"#)
            #expect(try await desk.ask("resources/subscribe", #"{"uri":"x"}"#).hasPrefix(#""error":{"code":-32002,"#))
            #expect(try await desk.ask("logging/setLevel", #"{"level":"info"}"#) == #""result":{}"#)
            #expect(try await desk.ask("tasks/get", #"{"taskId":"working"}"#).hasPrefix(#""error":{"code":-32601,"#))
        }
    }

    @Test func theServerAsksByRequestsOfItsOwn() async throws {
        let desk = Desk()
        _ = try await desk.initialize("2025-11-25", #"{"elicitation":{}}"#)
        async let answer = desk.ask("tools/call", #"{"name":"ask"}"#, id: "2")
        let question = try await desk.frame("question") { $0.contains("elicitation/create") }
        #expect(
            question
                == #"{"jsonrpc":"2.0","id":"server-1","method":"elicitation/create","params":{"mode":"form","message":"Who?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}}"#
        )
        desk.tell(#"{"jsonrpc":"2.0","id":"server-1","result":{"action":"accept","content":{"name":"x"}}}"#)
        #expect(
            try await answer
                == #""result":{"content":[{"type":"text","text":"{\"name\":\"x\"} {\"asked\":true} name"}]}"#)
    }
}
