import Testing

@testable import MCP

struct JSONTests {
    @Test func aTextIsReadAndWritten() throws {
        #expect(
            try JSONParser.read(#"{"a":[1,-2.5e3,"x\u00e9",null]}"#.utf8).value.text == #"{"a":[1,-2500.0,"xé",null]}"#)
    }
}
