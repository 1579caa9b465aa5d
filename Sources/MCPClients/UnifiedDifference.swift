/// What is different between two texts, as `diff -u` shows it.
struct UnifiedDifference {
    private enum Line {
        case same([UInt8])
        case gone([UInt8])
        case new([UInt8])
    }

    private let names: (before: String, after: String)
    private let lines: [Line]

    /// Lines around each difference.
    private static let context = 3

    init(_ before: [UInt8], _ after: [UInt8], _ beforeName: String, _ afterName: String) {
        names = (beforeName, afterName)
        let (old, new) = (Self.lines(before), Self.lines(after))
        // Both ends are mostly the same, and comparing takes longer the more there is of it.
        let head = zip(old, new).prefix { $0 == $1 }.count
        let tail = zip(old.dropFirst(head).reversed(), new.dropFirst(head).reversed()).prefix { $0 == $1 }.count
        var lines = old[..<head].map(Line.same)
        let difference = new[head..<(new.count - tail)].difference(from: old[head..<(old.count - tail)])
        var gone: [Int: [UInt8]] = [:]
        var added: [Int: [UInt8]] = [:]
        for change in difference {
            switch change {
            case .remove(let offset, let line, _): gone[offset] = line
            case .insert(let offset, let line, _): added[offset] = line
            }
        }
        var (i, j) = (0, 0)
        while i < old.count - head - tail || j < new.count - head - tail {
            if let line = gone[i] {
                lines.append(.gone(line))
                i += 1
            } else if let line = added[j] {
                lines.append(.new(line))
                j += 1
            } else {
                lines.append(.same(old[head + i]))
                (i, j) = (i + 1, j + 1)
            }
        }
        self.lines = lines + old[(old.count - tail)...].map(Line.same)
    }

    /// Each with its end.
    private static func lines(_ text: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = 0
        while let end = text[start...].firstIndex(of: 10) {
            lines.append(Array(text[start...end]))
            start = end + 1
        }
        return start < text.count ? lines + [Array(text[start...])] : lines
    }

    /// Empty where nothing is different.
    var text: String {
        var isShown = [Bool](repeating: false, count: lines.count)
        for (index, line) in lines.enumerated() {
            if case .same = line { continue }
            for near in max(0, index - Self.context)...min(lines.count - 1, index + Self.context) {
                isShown[near] = true
            }
        }
        guard isShown.contains(true) else { return "" }
        var text = "--- \(names.before)\n+++ \(names.after)\n"
        var (before, after) = (0, 0)
        var index = 0
        while index < lines.count {
            let end = isShown[index...].firstIndex { $0 != isShown[index] } ?? lines.count
            let hunk = lines[index..<end]
            let old = hunk.count { if case .new = $0 { false } else { true } }
            let new = hunk.count { if case .gone = $0 { false } else { true } }
            if isShown[index] {
                text += "@@ -\(Self.range(before, old)) +\(Self.range(after, new)) @@\n"
                text += hunk.map(Self.text).joined()
            }
            (before, after) = (before + old, after + new)
            index = end
        }
        return text
    }

    private static func range(_ start: Int, _ count: Int) -> String {
        let first = count == 0 ? start : start + 1
        return count == 1 ? "\(first)" : "\(first),\(count)"
    }

    private static func text(_ line: Line) -> String {
        let (mark, bytes) =
            switch line {
            case .same(let bytes): (" ", bytes)
            case .gone(let bytes): ("-", bytes)
            case .new(let bytes): ("+", bytes)
            }
        let text = mark + String(decoding: bytes, as: UTF8.self)
        return bytes.last == 10 ? text : text + "\n\\ No newline at end of file\n"
    }
}
