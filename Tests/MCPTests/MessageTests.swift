import Testing

@testable import MCP

@Suite struct MessageTests {
    private func read(_ text: String) throws(Message.Refusal) -> Message { try Message.read(Array(text.utf8)) }

    @Test func messagesAreReadAndWritten() throws {
        let texts = [
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{}}"#,
            #"{"jsonrpc":"2.0","id":"x","method":"m","params":{"a":[1]}}"#,
            #"{"jsonrpc":"2.0","method":"n"}"#, #"{"jsonrpc":"2.0","method":"n","params":{"a":null}}"#,
            #"{"jsonrpc":"2.0","id":-7,"result":null}"#, #"{"jsonrpc":"2.0","id":"","result":{"a":1}}"#,
            #"{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"m"}}"#,
            #"{"jsonrpc":"2.0","id":1,"error":{"code":7,"message":"m","data":[1]}}"#,
        ]
        for text in texts { #expect(String(decoding: try read(text).bytes, as: UTF8.self) == text) }
        #expect(
            try read(#" {"method":"m","id":1,"jsonrpc":"2.0","x":1} "#)
                == .request(.integer(1), method: "m", params: [:]))
    }

    /// Nobody is answered by a guess: an id counts only where it is certain whose it is.
    @Test(
        arguments: [
            ("", nil, -32700), ("{", nil, -32700), (#"{"jsonrpc":"2.0","id":1"#, nil, -32700), ("[]", nil, -32600),
            ("1", nil, -32600),
            ("{}", nil, -32600), (#"{"jsonrpc":"2.0","id":1}"#, 1, -32600), (#"{"id":1,"method":"m"}"#, 1, -32600),
            (#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, 1, -32600),
            (#"{"jsonrpc":"2.0","id":1,"method":null}"#, 1, -32600),
            (#"{"jsonrpc":"2.0","id":1,"method":""}"#, 1, -32600),
            (#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#, 1, -32600),
            (#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#, 1, -32600),
            (#"{"jsonrpc":"2.0","id":null,"method":"m"}"#, nil, -32600),
            (#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#, nil, -32600),
            (#"{"jsonrpc":"2.0","id":[1],"method":"m"}"#, nil, -32600),
            (#"{"jsonrpc":"2.0","id":9223372036854775808,"method":"m"}"#, nil, -32600),
            (#"{"jsonrpc":"2.0","id":1,"method":"m","method":"n"}"#, 1, -32600),
            (#"{"jsonrpc":"2.0","id":1,"id":1,"method":"m"}"#, nil, -32600),
            (#"{"jsonrpc":"2.0","x":{"y":1,"y":1},"id":1,"id":2,"method":"m"}"#, nil, -32600),
            (#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#, 1, -32600),
            (#"{"jsonrpc":"2.0","id":"\ud800","method":"m"}"#, nil, -32600),
            (#"{"jsonrpc":"1.0","id":1,"result":{}}"#, nil, -32600),
            (#"{"jsonrpc":"2.0","id":1,"error":{}}"#, nil, -32600),
            (#"{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":1}}"#, nil, -32600),
            (#"{"jsonrpc":"2.0","result":{}}"#, nil, -32600),
        ] as [(String, Int64?, Int64)])
    func refusalsSayWhomToTell(text: String, id: Int64?, code: Int64) {
        let refusal = #expect(throws: Message.Refusal.self) { try read(text) }
        #expect(refusal?.id == id.map(RequestID.integer))
        #expect(refusal?.error.code.rawValue == code)
        #expect(refusal?.error.message.isEmpty == false)
    }

    @Test func idsHaveABound() throws {
        let most = String(repeating: "x", count: RequestID.mostBytes)
        #expect(
            try read(#"{"jsonrpc":"2.0","id":"\#(most)","method":"m"}"#)
                == .request(.string(most), method: "m", params: [:]))
        #expect(throws: Message.Refusal.self) { try read(#"{"jsonrpc":"2.0","id":"\#(most)x","method":"m"}"#) }
    }
}
