/// Finds `usage`, `model` and `type` in one JSON document that arrives in pieces of any size.
///
/// It is a lexer with a memory of three keys, not a parser: whatever the document's size and depth, its state is a
/// few dozen bytes and a string of at most `stringLimit`. What is not JSON gives no findings and no error; the
/// bytes have been passed on anyway.
struct UsageScanner {
    /// The longest model name remembered, in bytes.
    static let stringLimit = 128
    /// `message.usage.input_tokens` is the deepest that matters.
    private static let trackedDepth = 3

    private(set) var tokens = TokenCounts()
    private(set) var model: String?
    /// The `type` of the document last scanned.
    private(set) var type: String?

    private enum Key {
        case message, usage, model, type, input, output, cacheRead, cacheWrite, other

        init(_ bytes: [UInt8]) {
            switch String(decoding: bytes, as: UTF8.self) {
            case "message": self = .message
            case "usage": self = .usage
            case "model": self = .model
            case "type": self = .type
            case "input_tokens": self = .input
            case "output_tokens": self = .output
            case "cache_read_input_tokens": self = .cacheRead
            case "cache_creation_input_tokens": self = .cacheWrite
            default: self = .other
            }
        }
    }

    private enum Lexer {
        case between
        case string(escaped: Bool)
        case number(Int, isWhole: Bool)
    }

    private var lexer = Lexer.between
    private var depth = 0
    private var isObject = [Bool](repeating: false, count: trackedDepth)
    private var keys = [Key](repeating: .other, count: trackedDepth)
    private var expectsKey = false
    private var text: [UInt8] = []
    private var textIsWhole = true

    /// Forgets where in a document it was; findings stay, except `type`.
    mutating func beginDocument() {
        lexer = .between
        depth = 0
        expectsKey = false
        type = nil
    }

    mutating func scan(_ byte: UInt8) {
        switch lexer {
        case .between: scanStructure(byte)
        case .string(let escaped): scanString(byte, escaped: escaped)
        case .number(let value, let isWhole): scanNumber(byte, value: value, isWhole: isWhole)
        }
    }

    private mutating func scanStructure(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "{"): open(object: true)
        case UInt8(ascii: "["): open(object: false)
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth = max(0, depth - 1)
            expectsKey = false
        case UInt8(ascii: ","): expectsKey = (1...Self.trackedDepth).contains(depth) && isObject[depth - 1]
        case UInt8(ascii: ":"): expectsKey = false
        case UInt8(ascii: "\""):
            text.removeAll(keepingCapacity: true)
            textIsWhole = true
            lexer = .string(escaped: false)
        case 0x30...0x39: lexer = .number(Int(byte - 0x30), isWhole: true)
        case UInt8(ascii: "-"): lexer = .number(0, isWhole: false)
        default: break
        }
    }

    private mutating func open(object: Bool) {
        depth += 1
        guard depth <= Self.trackedDepth else { return expectsKey = false }
        isObject[depth - 1] = object
        keys[depth - 1] = .other
        expectsKey = object
    }

    private mutating func scanString(_ byte: UInt8, escaped: Bool) {
        if !escaped, byte == UInt8(ascii: "\"") {
            lexer = .between
            return endString()
        }
        // A name with an escape in it is none of ours.
        if byte == UInt8(ascii: "\\") { textIsWhole = false }
        lexer = .string(escaped: !escaped && byte == UInt8(ascii: "\\"))
        guard expectsKey || wantsString else { return }
        if text.count < Self.stringLimit { text.append(byte) } else { textIsWhole = false }
    }

    private var wantsString: Bool {
        (depth == 1 && (keys[0] == .type || keys[0] == .model))
            || (depth == 2 && keys[0] == .message && keys[1] == .model)
    }

    private mutating func endString() {
        if expectsKey {
            keys[depth - 1] = textIsWhole ? Key(text) : .other
            expectsKey = false
        } else if wantsString, textIsWhole, isObject[depth - 1] {
            let found = String(decoding: text, as: UTF8.self)
            if depth == 1, keys[0] == .type { type = found } else { model = found }
        }
    }

    private mutating func scanNumber(_ byte: UInt8, value: Int, isWhole: Bool) {
        switch byte {
        case 0x30...0x39:
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(Int(byte - 0x30))
            lexer = .number(sum, isWhole: isWhole && !overflow && !carry)
        case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"), UInt8(ascii: "-"):
            lexer = .number(0, isWhole: false)
        default:
            lexer = .between
            if isWhole { found(value) }
            scanStructure(byte)
        }
    }

    /// Counts are running totals within an answer, so the largest one seen holds.
    private mutating func found(_ value: Int) {
        let isUsage =
            (depth == 2 && keys[0] == .usage) || (depth == 3 && keys[0] == .message && keys[1] == .usage)
        guard isUsage, isObject[..<depth].allSatisfy({ $0 }) else { return }
        switch keys[depth - 1] {
        case .input: tokens.inputTokens = max(tokens.inputTokens, value)
        case .output: tokens.outputTokens = max(tokens.outputTokens, value)
        case .cacheRead: tokens.cacheReadTokens = max(tokens.cacheReadTokens, value)
        case .cacheWrite: tokens.cacheWriteTokens = max(tokens.cacheWriteTokens, value)
        default: break
        }
    }
}
