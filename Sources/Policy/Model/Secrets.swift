/// The named set `@secrets`: places of credentials and histories that no agent may see.
///
/// Paths below `~` are of the caller's real home. Host keys of ssh are added by `HostFacts`.
enum Secrets {
    static let setName = "@secrets"

    static let home = [
        ".ssh", ".gnupg", ".aws", ".azure", ".config/gcloud", ".config/gh", ".docker", ".kube", ".netrc", ".npmrc",
        ".pypirc", ".cargo/credentials", ".cargo/credentials.toml", ".git-credentials", ".claude/.credentials.json",
        ".claude.json", ".config/op", ".password-store", ".local/share/keyrings", ".mozilla", ".config/google-chrome",
        ".config/chromium", ".bash_history", ".zsh_history", ".python_history", ".config/claudine",
    ]

    static let system = [
        "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d",
        "/etc/ssl/private", "/etc/claudine", "/run/user", "/run/docker.sock", "/run/containerd", "/run/podman",
        "/run/secrets", "/var/lib/docker", "/var/lib/containerd",
    ]

    /// Why an entry of `filesystem.deny` is refused, or nil.
    static func problem(_ entry: String) -> String? {
        guard entry.hasPrefix("@") else { return PathText.problem(entry) }
        return entry == setName ? nil : "is no named set; known: \(setName)"
    }
}

/// The named set `@exec-on-open`: files of a workspace that make other programs run something once somebody opens it.
enum ProtectedNames {
    static let setName = "@exec-on-open"

    static let execOnOpen = [
        ".git/hooks", ".git/config", ".git/info/attributes", ".gitmodules", ".claude", ".mcp.json", ".vscode", ".idea",
        ".envrc", ".husky", "lefthook.yml", ".pre-commit-config.yaml",
    ]

    /// Why an entry of `workspace.protect` is refused, or nil: a path below the workspace, or the set.
    static func problem(_ entry: String) -> String? {
        guard !entry.hasPrefix("@") else { return entry == setName ? nil : "is no named set; known: \(setName)" }
        guard !entry.hasPrefix("~"), !entry.hasPrefix("/") else { return "has to be below the workspace" }
        return PathText.problem("/" + entry)
    }

    static func expanded(_ entries: [String]) -> [String] {
        entries.flatMap { $0 == setName ? execOnOpen : [$0] }
    }
}
