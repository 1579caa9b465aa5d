/// Names of environment variables, and which of them mean more than others.
enum VariableName {
    /// The keys of model providers that the gateway keeps outside.
    static let providerKeys = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"]

    /// Variables by which a caller's shell would run or load something of the caller's inside the cage.
    static let injections = ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "BASH_ENV", "ENV", "NODE_OPTIONS"]

    /// Variables that the cage itself sets.
    static let own = ["HOME", "USER", "LOGNAME", "SHELL", "PATH", "TMPDIR"]

    static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 255 else { return false }
        return !isDigit(first) && name.utf8.allSatisfy { isLetter($0) || isDigit($0) }
    }

    static func isProviderKey(_ name: String) -> Bool { providerKeys.contains(name) }

    /// Whether a variable belongs to the cage, so that nobody may ask for another value.
    static func isOwn(_ name: String) -> Bool { own.contains(name) || name.hasPrefix("CLAUDINE_") }

    /// Why an entry of `environment.inherit` is refused, or nil.
    static func patternProblem(_ pattern: String) -> String? {
        let name = pattern.hasSuffix("*") ? String(pattern.dropLast()) : pattern
        guard isValid(name) else { return "is neither NAME nor PREFIX*" }
        guard !isOwn(name) else { return "is set by the cage itself" }
        guard !isInjection(name) else { return "would run the caller's code inside" }
        return isProviderKey(name) ? "is inherited by credentials.api = \"env\" only" : nil
    }

    /// Why a key of `environment.set` is refused, or nil.
    static func settingProblem(_ name: String) -> String? {
        guard isValid(name) else { return "is not the name of a variable" }
        return isOwn(name) ? "is set by the cage itself" : nil
    }

    static func isInjection(_ name: String) -> Bool { injections.contains(name) }

    static func matches(_ name: String, pattern: String) -> Bool {
        pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : name == pattern
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        let folded = byte | 0x20
        return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(folded) || byte == UInt8(ascii: "_")
    }
}
