/// Makes text harmless for a terminal: nothing in it can move the cursor, change a setting or reorder what is read.
///
/// Newline and tab stay, a carriage return before a newline goes; every other control character is shown as a visible sign:
/// C0 and DEL by Unicode's control pictures, C1, direction marks and other invisible characters as `<U+202E>`.
package struct TerminalSafe: Sendable {
    private var heldReturn = false

    package init() {}

    /// - Note: a carriage return at the end waits for the next text, for it may belong to a newline.
    package mutating func clean(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if heldReturn {
                heldReturn = false
                if scalar != "\n" { result.append(Self.picture(of: "\r")) }
            }
            switch scalar.value {
            case 0x0D: heldReturn = true
            case 0x09, 0x0A: result.append(scalar)
            case 0x00...0x1F, 0x7F: result.append(Self.picture(of: scalar))
            default:
                if Self.isHarmless(scalar) {
                    result.append(scalar)
                } else {
                    result.append(contentsOf: Self.name(of: scalar).unicodeScalars)
                }
            }
        }
        return String(result)
    }

    package mutating func finish() -> String {
        defer { heldReturn = false }
        return heldReturn ? String(Self.picture(of: "\r")) : ""
    }

    /// C1 controls, everything that only formats (direction, joining, tags), line and paragraph separators: all but the joiners
    /// and selectors that emoji and scripts need.
    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: false
        case .format: scalar.value == 0x200C || scalar.value == 0x200D || scalar.value == 0x00AD
        default: true
        }
    }

    /// U+2400 and on mirror the C0 controls; DEL has U+2421.
    private static func picture(of control: Unicode.Scalar) -> Unicode.Scalar {
        Unicode.Scalar(control.value == 0x7F ? 0x2421 : 0x2400 + control.value) ?? "\u{FFFD}"
    }

    private static func name(of scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "<U+\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits)>"
    }
}
