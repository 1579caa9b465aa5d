import MCP
import OrderedCollections

/// Changes one member of a JSON text and nothing else.
///
/// What is put in looks like what is around it: on lines of its own where its neighbours are, on the same line otherwise. So that it can be
/// taken out again without a trace, what is put into an empty object that was there before has a blank on either side, and an object
/// that was made for it has none.
struct JSONEdit {
    private let places: JSONPlaces
    private let lineEnd: String

    init(_ text: [UInt8], hasComments: Bool) throws(SetupError) {
        places = try JSONPlaces(text, hasComments: hasComments)
        lineEnd = LineEnd.of(text)
    }

    private var text: [UInt8] { places.text }

    // MARK: - Reading

    /// The value at the end of a path of names, if there is one.
    ///
    /// - Throws: also when something on the way is no object, or is there twice, so that not every reader sees the same.
    func value(at path: [String]) throws(SetupError) -> JSON? {
        let way = try way(along: path)
        return way.count == path.count ? way.last.flatMap { places.json(in: $0.member.value) } : nil
    }

    private typealias Step = (object: JSONPlaces.Object, member: JSONPlaces.Member)

    /// The objects and members along a path, as far as they are there.
    private func way(along path: [String]) throws(SetupError) -> [Step] {
        var way: [Step] = []
        for name in path {
            let object = try object(behind: way)
            let members = object.members.filter { $0.name == name }
            guard members.count < 2 else {
                throw places.error(members[1].key.lowerBound, "'\(name)' is there a second time")
            }
            guard let member = members.first else { break }
            way.append((object, member))
        }
        return way
    }

    private func object(behind way: [Step]) throws(SetupError) -> JSONPlaces.Object {
        let range = way.last?.member.value ?? places.root
        if let object = try places.object(in: range) { return object }
        let owner = way.last.map { "'\($0.member.name)'" } ?? "the whole text"
        throw places.error(range.lowerBound, "\(owner) has to be an object")
    }

    // MARK: - Putting in

    /// What puts `value` at the end of `path`, with the objects that are missing on the way.
    func setting(_ path: [String], to value: JSON) throws(SetupError) -> [TextEdit] {
        let way = try way(along: path)
        guard way.count < path.count else {
            guard let range = way.last?.member.value, places.json(in: range) != value else { return [] }
            return [TextEdit(range, layout(beside: range.lowerBound).text(of: value))]
        }
        let nested = path.dropFirst(way.count + 1).reversed().reduce(value) { inner, name in .object([name: inner]) }
        return try inserting(path[way.count], nested, into: object(behind: way))
    }

    private func inserting(_ name: String, _ value: JSON, into object: JSONPlaces.Object) throws(SetupError)
        -> [TextEdit]
    {
        guard let last = object.members.last else {
            let layout = JSONLayout(indent: nil, unit: "", lineEnd: lineEnd, isCompact: false)
            return [TextEdit(at: object.open + 1, " \(layout.member(name, value)) ")]
        }
        let layout = layout(of: object, last)
        let separator = layout.indent.map { lineEnd + $0 } ?? (layout.isCompact ? "" : " ")
        let member = separator + layout.member(name, value)
        if let comma = last.comma {
            return [TextEdit(at: try endOfRemark(from: comma + 1) ?? comma + 1, member + ",")]
        }
        // A remark beside the last member goes on being one about it.
        let end = try layout.indent == nil ? nil : endOfRemark(from: last.value.upperBound)
        return [TextEdit(at: last.value.upperBound, ","), TextEdit(at: end ?? last.value.upperBound, member)]
    }

    /// The end of the comments on the rest of a line that has nothing else; nil without any.
    private func endOfRemark(from start: Int) throws(SetupError) -> Int? {
        var (offset, end) = (start, start)
        while offset < text.count, text[offset] == 0x20 || text[offset] == 0x09 || text[offset] == UInt8(ascii: "/") {
            if let behind = try places.comment(at: offset) {
                guard !text[offset..<behind].contains(10) else { return nil }
                (offset, end) = (behind, behind)
            } else {
                offset += 1
            }
        }
        let isEnd = offset == text.count || text[offset] == 10 || text[offset] == 13
        return isEnd && end > start ? end : nil
    }

    // MARK: - Taking out

    /// What takes the member at the end of `path` out, and the objects that would be left without any; nothing where there is none.
    func removing(_ path: [String]) throws(SetupError) -> [TextEdit] {
        var way = try way(along: path)
        guard way.count == path.count else { return [] }
        while way.count > 1, let last = way.last, isMadeForIt(last.object) { way.removeLast() }
        guard let last = way.last, let index = last.object.members.firstIndex(where: { $0.key == last.member.key })
        else {
            return []
        }
        return removing(index, from: last.object)
    }

    /// Whether there is nothing in it but one member, and it was not there without that.
    private func isMadeForIt(_ object: JSONPlaces.Object) -> Bool {
        guard object.members.count == 1, let member = object.members.first else { return false }
        let around =
            Array(text[(object.open + 1)..<member.key.lowerBound]) + text[member.value.upperBound..<object.close]
        return !wasPutIntoEmpty(object, member)
            && around.allSatisfy { JSONPlaces.isSpace($0) || $0 == UInt8(ascii: ",") }
    }

    private func wasPutIntoEmpty(_ object: JSONPlaces.Object, _ member: JSONPlaces.Member) -> Bool {
        member.key.lowerBound == object.open + 2 && text[object.open + 1] == 0x20
            && text[member.value.upperBound] == 0x20 && member.comma == nil
    }

    private func removing(_ index: Int, from object: JSONPlaces.Object) -> [TextEdit] {
        let member = object.members[index]
        if object.members.count == 1, wasPutIntoEmpty(object, member) {
            return [.deletion((object.open + 1)..<(member.value.upperBound + 1))]
        }
        let start = startOfSpace(before: member.key.lowerBound)
        if let comma = member.comma { return [.deletion(start..<(comma + 1))] }
        guard index > 0, let comma = object.members[index - 1].comma else {
            return [.deletion(start..<member.value.upperBound)]
        }
        if comma + 1 == start { return [.deletion(comma..<member.value.upperBound)] }
        return [.deletion(comma..<(comma + 1)), .deletion(start..<member.value.upperBound)]
    }

    /// Where the blanks before a member begin, with the end of the line before it.
    private func startOfSpace(before offset: Int) -> Int {
        var start = offset
        while start > 0, text[start - 1] == 0x20 || text[start - 1] == 0x09 { start -= 1 }
        if start > 0, text[start - 1] == 10 { start -= start > 1 && text[start - 2] == 13 ? 2 : 1 }
        return start
    }

    // MARK: - Layout

    private func layout(of object: JSONPlaces.Object, _ last: JSONPlaces.Member) -> JSONLayout {
        let isCompact = text[last.value.lowerBound - 1] == UInt8(ascii: ":")
        guard let indent = indent(before: last.key.lowerBound) else {
            return JSONLayout(indent: nil, unit: "", lineEnd: lineEnd, isCompact: isCompact)
        }
        let outer = self.indent(before: object.close)
        let step = outer.flatMap { indent.hasPrefix($0) ? String(indent.dropFirst($0.count)) : nil } ?? ""
        let unit = step.isEmpty ? (indent.hasPrefix("\t") ? "\t" : "  ") : step
        return JSONLayout(indent: indent, unit: unit, lineEnd: lineEnd, isCompact: isCompact)
    }

    /// For what takes the place of a value: that stays on its line.
    private func layout(beside offset: Int) -> JSONLayout {
        JSONLayout(indent: nil, unit: "", lineEnd: lineEnd, isCompact: text[offset - 1] == UInt8(ascii: ":"))
    }

    /// The blanks from the beginning of the line; nil when something else is before it on the line.
    private func indent(before offset: Int) -> String? {
        var start = offset
        while start > 0, text[start - 1] == 0x20 || text[start - 1] == 0x09 { start -= 1 }
        guard start > 0, text[start - 1] == 10 else { return nil }
        return String(decoding: text[start..<offset], as: UTF8.self)
    }
}

/// How new members are written.
struct JSONLayout {
    /// Before each member of the object; nil for everything on one line.
    var indent: String?
    /// What a member of a member has more.
    var unit: String
    var lineEnd: String
    /// Without a blank behind colons and commas.
    var isCompact: Bool

    func member(_ name: String, _ value: JSON) -> String {
        JSON.string(name).text + (isCompact ? ":" : ": ") + text(of: value)
    }

    /// Arrays are always on one line: ours are short.
    func text(of value: JSON) -> String {
        switch value {
        case .object(let members) where !members.isEmpty:
            guard let indent else {
                return "{" + members.map(member).joined(separator: isCompact ? "," : ", ") + "}"
            }
            var inner = self
            inner.indent = indent + unit
            let lines = members.map { lineEnd + indent + unit + inner.member($0, $1) }
            return "{" + lines.joined(separator: ",") + lineEnd + indent + "}"
        case .array(let elements): return "[" + elements.map(text).joined(separator: isCompact ? "," : ", ") + "]"
        default: return value.text
        }
    }
}
