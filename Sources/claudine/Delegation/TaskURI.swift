import Store

/// The names by which clients read tasks: `claudine://task/ID`, and what belongs to one behind it.
enum TaskURI {
    static let tasks = "claudine://tasks"
    static let policy = "claudine://policy"

    static func task(_ id: TaskID) -> String { "claudine://task/\(id)" }
    static func log(_ id: TaskID) -> String { task(id) + "/log" }
    static func result(_ id: TaskID) -> String { task(id) + "/result" }
    static func prompt(_ id: TaskID) -> String { task(id) + "/prompt" }

    enum Part: String {
        case log, result, prompt
    }

    /// Nothing of a URI ever becomes a path: what is not written exactly like this is nobody's.
    static func parse(_ uri: String) -> (task: TaskID, part: Part?, query: [String: String])? {
        let start = "claudine://task/"
        guard uri.hasPrefix(start) else { return nil }
        let halves = uri.dropFirst(start.count).split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let words = halves[0].split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(words.count), let id = TaskID(String(words[0])) else { return nil }
        var query: [String: String] = [:]
        if halves.count == 2 {
            for pair in halves[1].split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { return nil }
                query[String(parts[0])] = String(parts[1])
            }
        }
        guard words.count == 2 else { return query.isEmpty ? (id, nil, query) : nil }
        guard let part = Part(rawValue: String(words[1])) else { return nil }
        guard query.isEmpty || part == .log else { return nil }
        return (id, part, query)
    }
}
