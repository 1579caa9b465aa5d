package import Store

/// What of a caller's environment a task needs where another process runs it later: where programs and configuration are found, and
/// how text is written. Nothing of it is secret, so it stands in the task's row.
package enum Surroundings {
    private static let names: Set<String> = [
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TERM", "XDG_CONFIG_HOME", "CLAUDINE_CONFIG_DIR",
        baseURL,
    ]
    private static let baseURL = "ANTHROPIC_BASE_URL"

    package static func kept(of environment: [String: String]) -> [String: String] {
        environment.filter { name, value in
            // An address may carry a password.
            (names.contains(name) || name.hasPrefix("LC_")) && !(name == baseURL && value.contains("@"))
        }
    }

    /// The environment that a task is prepared in: the process that runs it has the rest, the credentials among it.
    package static func environment(of spec: TaskSpec, in own: [String: String]) -> [String: String] {
        guard let kept = spec.surroundings else { return own }
        // What the caller did not have is not taken from somewhere else.
        return own.filter { name, _ in !names.contains(name) && !name.hasPrefix("LC_") }.merging(kept) { $1 }
    }
}
