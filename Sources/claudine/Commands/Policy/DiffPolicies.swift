import ArgumentParser
import Policy
import Store

/// `claudine policy diff`: which of two policies allows what the other does not.
struct DiffPolicies: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Compare two policies, field by field.",
        discussion: """
            Each line says how the second policy stands to the first: stricter, looser, or neither (each allows something the other \
            does not). Compared is what they come to here: paths are resolved, named sets replaced by what is in them. Exits with \
            0 when they come to the same, 1 when they differ.
            """)

    @Argument(
        help: ArgumentHelp("A policy's name or a file.", valueName: "a"), completion: .list(PolicyLibrary.builtInNames))
    var first: String

    @Argument(help: ArgumentHelp("Another.", valueName: "b"), completion: .list(PolicyLibrary.builtInNames))
    var second: String

    @Flag(help: "Print one JSON object.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        let library = try configuration.places().policies
        let (a, b) = (try library.load(first).policy, try library.load(second).policy)
        let order = PolicyOrder(host: .current(home: Environment.current["HOME"]))
        let rows = order.comparison(b, a).map { field, strictness in
            Row(key: field.key, order: strictness, a: field.text(a), b: field.text(b))
        }.filter { $0.order != .equal || $0.a != $0.b }
        let overall = order.standing(of: b, to: a)
        let difference = Difference(a: try Side(a), b: try Side(b), order: overall, fields: rows)
        try Answer(asJSON: json).write(difference) { difference.text }
        if overall != .equal { Exit.with(ExitCodes.no) }
    }

    private struct Side: Encodable {
        var name: String
        var digest: String

        init(_ policy: Policy) throws {
            name = policy.name
            digest = try policy.digest()
        }
    }

    private struct Row: Encodable {
        var key: String
        var order: Strictness
        var a: String
        var b: String

        var cells: [TextTable.Cell] {
            let colour: Colour? =
                switch order {
                case .stricter: .green
                case .looser: .red
                case .differs: .yellow
                case .equal: .dim
                }
            let word = order == .differs ? "neither" : order == .equal ? "same" : order.rawValue
            return [.init(word, colour), .init(key), .init(Self.shown(a)), .init(Self.shown(b))]
        }

        private static func shown(_ value: String) -> String { value.isEmpty ? "-" : value.oneLine.shortened(to: 60) }
    }

    private struct Difference: Encodable {
        var a: Side
        var b: Side
        /// How the second stands to the first.
        var order: Strictness
        var fields: [Row]

        var text: String {
            let sentence =
                switch order {
                case .equal: "\(b.name) comes to the same as \(a.name)"
                case .stricter: "\(b.name) is stricter than \(a.name)"
                case .looser: "\(b.name) is looser than \(a.name)"
                case .differs: "neither is at least as strict as the other"
                }
            // The profile explains what the lists beside it come to.
            let shown = fields.filter { $0.a != $0.b }
            guard !shown.isEmpty else { return sentence + "\n" }
            return TextTable(
                head: ["ORDER", "KEY", .init(a.name.uppercased()), .init(b.name.uppercased())], rows: shown.map(\.cells)
            ).text
                + sentence + "\n"
        }
    }
}
