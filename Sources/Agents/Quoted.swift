/// A value from outside as it may stand in a sentence: escaped, and cut to 64 characters.
func quoted(_ text: String) -> String {
    let short = text.prefix(64)
    return String(short).debugDescription + (short.endIndex == text.endIndex ? "" : "…")
}
