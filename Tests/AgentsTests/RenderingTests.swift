import Agents
import Testing

@Suite struct RenderingTests {
    static let nasty =
        "a\u{1B}]0;x\u{07}\u{9B}31m\u{202E}evil\u{2066}\r\n\tb\0 e" + String(repeating: "\u{301}", count: 500)

    static let steps: [AgentStep] = [
        .initialised(model: nasty), .text(nasty), .toolUse(name: nasty, summary: nasty),
        .toolResult(isError: true, firstLine: nasty), .toolResult(isError: false, firstLine: ""),
        .retry(attempt: 1, of: 3, delayMs: 500, status: 529), .result(isError: true, subtype: nasty),
        .text(String(repeating: "漢", count: 300)),
        .result(isError: false, subtype: nil), .text(String(repeating: "👩‍👩‍👧", count: 300)),
    ]

    @Test(arguments: steps, [1, 20, 80, 200])
    func aLineIsOneSafeLineThatFits(step: AgentStep, width: Int) throws {
        let line = try #require(StepRenderer(width: width).line(step))
        #expect(line.count <= max(20, width))
        #expect(line.unicodeScalars.count <= 12 * max(20, width))
        for scalar in line.unicodeScalars {
            let category = scalar.properties.generalCategory
            #expect(
                category != .control && (category != .format || scalar == "\u{200D}"),
                "U+\(String(scalar.value, radix: 16))")
        }
    }

    @Test func wideCharactersTakeTwoColumns() throws {
        let line = try #require(StepRenderer(width: 40).line(.text(String(repeating: "漢", count: 300))))
        #expect(
            line.filter { $0 == "漢" }.count == 17,
            "5 columns for the label and a space, one for the sign of the cut, 34 for 17")
    }

    @Test func readableLines() {
        let renderer = StepRenderer(width: 60)
        #expect(renderer.line(.initialised(model: "opus")) == "started with opus")
        #expect(renderer.line(.toolUse(name: "Bash", summary: "make test")) == "Bash make test")
        #expect(renderer.line(.toolResult(isError: true, firstLine: "Exit code 1")) == "  failed Exit code 1")
        #expect(
            renderer.line(.retry(attempt: 2, of: 10, delayMs: 900, status: 529))
                == "retry 2 of 10 after status 529, in 900 ms")
        #expect(renderer.line(.text(" \n ")) == nil)
    }

    @Test func colourOnlyWhenAskedFor() {
        let step = AgentStep.result(isError: true, subtype: "error_max_turns")
        #expect(StepRenderer(colour: true).line(step)?.contains("\u{1B}[31m") == true)
        #expect(StepRenderer(colour: false).line(step)?.contains("\u{1B}") == false)
    }
}
