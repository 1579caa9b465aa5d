/// Cuts a stream of bytes into lines of any length, holding at most one line and never more than its bound.
struct LineSplitter {
    /// Bytes; a longer line is dropped as it comes and only counted.
    let longest: Int
    private(set) var oversized = 0
    private var line: [UInt8] = []
    private var isDropping = false

    init(longest: Int) { self.longest = longest }

    /// Calls `body` with every line that is now complete, without its newline; empty lines are left out.
    mutating func feed(_ bytes: [UInt8], _ body: ([UInt8]) -> Void) {
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            take(rest[..<newline])
            end(body)
            rest = rest[(newline + 1)...]
        }
        take(rest)
    }

    /// The stream has ended; what stands after the last newline is a line too.
    mutating func finish(_ body: ([UInt8]) -> Void) { end(body) }

    /// Bytes are missing here: the line they belong to, up to its newline, is dropped and counted as one.
    mutating func skipGap() {
        isDropping = true
        line = []
    }

    private mutating func take(_ part: ArraySlice<UInt8>) {
        guard !isDropping else { return }
        if line.count + part.count > longest {
            isDropping = true
            line = []
        } else {
            line += part
        }
    }

    private mutating func end(_ body: ([UInt8]) -> Void) {
        if isDropping {
            oversized += 1
        } else if line.contains(where: { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: " ") }) {
            body(line)
        }
        isDropping = false
        line.removeAll(keepingCapacity: line.count < 1 << 20)
    }
}
