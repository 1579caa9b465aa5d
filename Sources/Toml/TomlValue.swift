/// A value of a TOML file, with the line on which it begins.
package struct TomlValue: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        case string(String)
        case integer(Int)
        case float(Double)
        case boolean(Bool)
        case array([TomlValue])
        case table(TomlTable)
    }

    package var kind: Kind
    /// Counted from 1.
    package var line: Int

    package var string: String? {
        if case .string(let value) = kind { value } else { nil }
    }

    package var integer: Int? {
        if case .integer(let value) = kind { value } else { nil }
    }

    package var boolean: Bool? {
        if case .boolean(let value) = kind { value } else { nil }
    }

    package var array: [TomlValue]? {
        if case .array(let value) = kind { value } else { nil }
    }

    package var table: TomlTable? {
        if case .table(let value) = kind { value } else { nil }
    }

    /// What a person calls it.
    package var typeName: String {
        switch kind {
        case .string: "string"
        case .integer: "integer"
        case .float: "floating-point number"
        case .boolean: "boolean"
        case .array: "list"
        case .table: "table"
        }
    }
}

/// Why a text is not TOML, or not of the kind that is read here.
package struct TomlError: Error, Equatable, Sendable {
    /// Counted from 1.
    package var line: Int
    package var message: String
    /// The dotted key or table that was being read; empty where none was.
    package var key = ""
}

/// A table of a TOML file.
package struct TomlTable: Equatable, Sendable {
    /// How a table came about, which decides what may still be added to it.
    enum Origin: Equatable, Sendable {
        /// By the header of a table in it.
        case implied
        case header
        case dottedKey
        case inline
    }

    package private(set) var entries: [String: TomlValue] = [:]
    var origin: Origin
    package var line: Int

    init(_ origin: Origin, line: Int) {
        self.origin = origin
        self.line = line
    }

    /// Stands for a table that is not there.
    package static let empty = TomlTable(.implied, line: 1)

    package subscript(key: String) -> TomlValue? { entries[key] }

    /// The line of a path of keys, or of as much of it as there is.
    package func line(of path: some Collection<String>) -> Int {
        guard let key = path.first, let value = entries[key] else { return line }
        return value.table?.line(of: path.dropFirst()) ?? value.line
    }

    /// Opens `[path]`; each table once.
    mutating func open(_ path: ArraySlice<String>, line: Int) throws(TomlError) {
        guard let key = path.first else { return }
        var inner = TomlTable(.implied, line: line)
        if let existing = entries[key] {
            guard let table = existing.table, table.origin == .implied || (table.origin == .header && path.count > 1)
            else { throw TomlError(line: line, message: "'\(key)' is already given in line \(existing.line)") }
            inner = table
            release(key)
        }
        if path.count == 1 {
            inner.origin = .header
            inner.line = line
        } else {
            try inner.open(path.dropFirst(), line: line)
        }
        entries[key] = TomlValue(kind: .table(inner), line: inner.line)
    }

    /// Sets `keys = value` in the table that `header` has opened; each key once.
    mutating func set(
        _ keys: ArraySlice<String>, to value: TomlValue, in header: ArraySlice<String>
    ) throws(TomlError) {
        if let name = header.first, var table = entries[name]?.table {
            release(name)
            try table.set(keys, to: value, in: header.dropFirst())
            entries[name] = TomlValue(kind: .table(table), line: table.line)
            return
        }
        guard let key = keys.first else { return }
        guard keys.count > 1 else {
            if let existing = entries[key] {
                throw TomlError(line: value.line, message: "'\(key)' is already given in line \(existing.line)")
            }
            entries[key] = value
            return
        }
        var inner = TomlTable(.dottedKey, line: value.line)
        if let existing = entries[key] {
            guard let table = existing.table, table.origin == .dottedKey else {
                throw TomlError(line: value.line, message: "'\(key)' is already given in line \(existing.line)")
            }
            inner = table
            release(key)
        }
        try inner.set(keys.dropFirst(), to: value, in: [])
        entries[key] = TomlValue(kind: .table(inner), line: inner.line)
    }

    /// Gives up a table that is about to be changed and put back: while two hold it, every change would copy it.
    private mutating func release(_ key: String) { entries[key]?.kind = .boolean(false) }
}
