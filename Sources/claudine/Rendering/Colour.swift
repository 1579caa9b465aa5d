import Glibc

/// Colours for a terminal; none when standard output is something else or NO_COLOR (https://no-color.org) is set.
enum Colour: String {
    case red = "31"
    case green = "32"
    case yellow = "33"
    case dim = "2"

    static let isWanted: Bool = {
        let refusal = getenv("NO_COLOR")
        return StandardOutput.isTerminal && (refusal == nil || refusal?.pointee == 0)
    }()

    func paint(_ text: String) -> String {
        Self.isWanted ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }
}
