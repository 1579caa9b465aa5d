/// Columns of text: a head, rows, two spaces between, nothing behind the last.
struct TextTable {
    struct Cell: ExpressibleByStringLiteral {
        var text: String
        var colour: Colour?

        init(_ text: String, _ colour: Colour? = nil) {
            self.text = text
            self.colour = colour
        }

        init(stringLiteral value: String) { self.init(value) }
    }

    var head: [Cell]
    var rows: [[Cell]] = []

    var text: String {
        let all = [head] + rows
        let widths = head.indices.map { column in all.map { $0[column].text.count }.max() ?? 0 }
        return all.map { row in
            row.indices.map { column in
                let cell = row[column]
                let padding = column == row.count - 1 ? 0 : widths[column] - cell.text.count + 2
                return (cell.colour?.paint(cell.text) ?? cell.text) + String(repeating: " ", count: padding)
            }.joined() + "\n"
        }.joined()
    }
}
