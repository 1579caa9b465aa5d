/// Reads TOML 1.0 without dates and without arrays of tables, which no file of ours uses.
///
/// Written here because each value keeps its line, and because it has to refuse any text whatever with a sentence. Keys given
/// twice, NUL, control characters and nesting deeper than 16 are errors.
package struct TomlParser {
    private var scanner: TomlScanner
    /// The key or table that is being read.
    private var place: [String] = []

    /// Throws `TomlError` with the line of the mistake.
    package static func parse(_ text: String) throws(TomlError) -> TomlTable {
        var parser = TomlParser(scanner: TomlScanner(text))
        do throws(TomlError) {
            return try parser.document()
        } catch {
            throw TomlError(line: error.line, message: error.message, key: parser.place.joined(separator: "."))
        }
    }

    private mutating func document() throws(TomlError) -> TomlTable {
        var root = TomlTable(.header, line: 1)
        var header: [String] = []
        try scanner.skipLines()
        while let byte = scanner.peek {
            let line = scanner.line
            if byte == UInt8(ascii: "[") {
                place = []
                header = try tableHeader()
                place = header
                try root.open(header[...], line: line)
            } else {
                place = header
                let (keys, value) = try pair(depth: 0)
                try root.set(keys[...], to: value, in: header[...])
            }
            try scanner.endLine()
            try scanner.skipLines()
        }
        return root
    }

    private mutating func tableHeader() throws(TomlError) -> [String] {
        try scanner.expect("[")
        guard !scanner.take("[") else {
            place = try key()
            throw scanner.error("arrays of tables are not used here")
        }
        scanner.skipBlanks()
        let path = try key()
        try scanner.expect("]")
        return path
    }

    private mutating func pair(depth: Int) throws(TomlError) -> (keys: [String], value: TomlValue) {
        let line = scanner.line
        let keys = try key()
        if depth == 0 { place += keys }
        try scanner.expect("=")
        scanner.skipBlanks()
        var value = try value(depth: depth)
        value.line = line
        return (keys, value)
    }

    /// `a`, `"a b"`, `a.b`; ends behind the blanks that follow.
    private mutating func key() throws(TomlError) -> [String] {
        var parts: [String] = []
        repeat {
            scanner.skipBlanks()
            switch scanner.peek {
            case UInt8(ascii: "\""): parts.append(try scanner.basicString())
            case UInt8(ascii: "'"): parts.append(try scanner.literalString())
            default: parts.append(try scanner.bareKey())
            }
            scanner.skipBlanks()
        } while scanner.take(".") && parts.count <= Self.deepest
        return parts
    }

    private static let deepest = 16

    private mutating func value(depth: Int) throws(TomlError) -> TomlValue {
        guard depth < Self.deepest else { throw scanner.error("nested too deeply") }
        let line = scanner.line
        switch scanner.peek {
        case UInt8(ascii: "\""): return TomlValue(kind: .string(try scanner.basicString()), line: line)
        case UInt8(ascii: "'"): return TomlValue(kind: .string(try scanner.literalString()), line: line)
        case UInt8(ascii: "["): return TomlValue(kind: .array(try array(depth: depth)), line: line)
        case UInt8(ascii: "{"): return TomlValue(kind: .table(try inlineTable(depth: depth)), line: line)
        default: return TomlValue(kind: try scanner.word(), line: line)
        }
    }

    private mutating func array(depth: Int) throws(TomlError) -> [TomlValue] {
        try scanner.expect("[")
        var values: [TomlValue] = []
        while true {
            try scanner.skipLines()
            if scanner.take("]") { return values }
            values.append(try value(depth: depth + 1))
            try scanner.skipLines()
            guard scanner.take(",") else {
                try scanner.expect("]")
                return values
            }
        }
    }

    private mutating func inlineTable(depth: Int) throws(TomlError) -> TomlTable {
        let line = scanner.line
        try scanner.expect("{")
        var table = TomlTable(.inline, line: line)
        scanner.skipBlanks()
        if scanner.take("}") { return table }
        repeat {
            let (keys, value) = try pair(depth: depth + 1)
            try table.set(keys[...], to: value, in: [])
            scanner.skipBlanks()
        } while scanner.take(",")
        try scanner.expect("}")
        return table
    }
}
