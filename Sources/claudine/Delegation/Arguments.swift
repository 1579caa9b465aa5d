import MCP
import OrderedCollections
import Store

/// The arguments of a call, read by name: what is left over in the end was misspelt, and a misspelt limit must not be ignored.
struct Arguments {
    private let members: OrderedDictionary<String, JSON>
    private var known: Set<String> = []

    init(_ call: ToolCall) { members = call.arguments.object ?? [:] }

    private mutating func take(_ name: String) -> JSON? {
        known.insert(name)
        return members[name] == .null ? nil : members[name]
    }

    mutating func text(_ name: String, bytes range: ClosedRange<Int> = 1...4096) throws(ToolFailure) -> String? {
        guard let value = take(name) else { return nil }
        guard let text = value.string else { throw .argument(name, "has to be a string, not \(value.kind).") }
        guard range.contains(text.utf8.count) else {
            throw .argument(
                name, "has \(text.utf8.count) bytes; it may have \(range.lowerBound) to \(range.upperBound).")
        }
        guard !text.utf8.contains(0) else { throw .argument(name, "holds a NUL character.") }
        return text
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(ToolFailure) -> Int? {
        guard let value = take(name) else { return nil }
        // 25.0 is one, too (JSON Schema 2020-12, Validation, 6.1.1).
        guard let number = value.integer ?? value.number.flatMap(Int64.init(exactly:)) else {
            throw .argument(name, "has to be an integer, not \(value.kind).")
        }
        guard let number = Int(exactly: number), range.contains(number) else {
            throw .argument(name, "is \(number); it may be \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    mutating func amount(_ name: String) throws(ToolFailure) -> Double? {
        guard let value = take(name) else { return nil }
        guard let number = value.number else { throw .argument(name, "has to be a number, not \(value.kind).") }
        guard number.isFinite, number > 0 else { throw .argument(name, "is \(number); it has to be above 0.") }
        return number
    }

    mutating func flag(_ name: String) throws(ToolFailure) -> Bool? {
        guard let value = take(name) else { return nil }
        guard let flag = value.bool else { throw .argument(name, "has to be true or false, not \(value.kind).") }
        return flag
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, _ type: Choice.Type
    ) throws(ToolFailure) -> Choice? where Choice.RawValue == String {
        guard let text = try text(name, bytes: 0...256) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw .argument(name, "is none of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return choice
    }

    mutating func texts(
        _ name: String, most: Int, bytes range: ClosedRange<Int>
    ) throws(ToolFailure) -> [String] {
        guard let value = take(name) else { return [] }
        guard let elements = value.array else { throw .argument(name, "has to be an array, not \(value.kind).") }
        guard elements.count <= most else {
            throw .argument(name, "has \(elements.count) elements; \(most) is the most.")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string else {
                throw .argument(name, "is an array of strings; one element is \(element.kind).")
            }
            guard range.contains(text.utf8.count), !text.utf8.contains(0) else {
                throw .argument(
                    name,
                    "has an element of \(text.utf8.count) bytes; each has \(range.lowerBound) to \(range.upperBound), without NUL."
                )
            }
            texts.append(text)
        }
        return texts
    }

    /// - Throws: for what is no id at all, and never tells whether there is such a task.
    mutating func task(_ name: String) throws(ToolFailure) -> TaskID? {
        guard let text = try text(name, bytes: 0...256) else { return nil }
        guard let id = TaskID(text) else { throw .unknownTask }
        return id
    }

    mutating func tasks(_ name: String, most: Int) throws(ToolFailure) -> [TaskID] {
        var ids: [TaskID] = []
        for text in try texts(name, most: most, bytes: 0...256) {
            guard let id = TaskID(text) else { throw .unknownTask }
            if !ids.contains(id) { ids.append(id) }
        }
        return ids
    }

    static func required<Value>(_ name: String, _ value: Value?) throws(ToolFailure) -> Value {
        guard let value else { throw .argument(name, "is missing.") }
        return value
    }

    /// - Parameter renamed: names that other tools have for what is called otherwise here.
    func refuseOthers(renamed: [String: String] = [:]) throws(ToolFailure) {
        guard let other = members.keys.first(where: { !known.contains($0) }) else { return }
        let hint =
            renamed[other].map { "it is called '\($0)' here" }
            ?? "there are \(known.sorted().joined(separator: ", "))"
        throw .argument(String(other.prefix(100)), "is no argument of this tool.", hint: hint)
    }
}
