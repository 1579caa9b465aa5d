/// Sets of paths that `filesystem.deny` names: places of credentials and of what people keep to themselves.
///
/// Paths below `~` are of the caller's real home. Host keys of ssh are added by `HostFacts` to `@secrets`.
package enum HiddenSet: String, Sendable, CaseIterable {
    /// Credentials, and the two sets below.
    case secrets = "@secrets"
    case browsers = "@browsers"
    case history = "@history"
    case mail = "@mail"

    /// What is in it, for people.
    package var meaning: String {
        switch self {
        case .secrets:
            "keys, tokens and logins of you and of the machine, container sockets, `@browsers` and `@history`"
        case .browsers: "profiles of web browsers: cookies, saved passwords, histories"
        case .history: "what was typed into shells, interpreters, pagers and databases"
        case .mail: "mail, address books and the profiles of mail programs"
        }
    }

    /// `~/…` and absolute paths.
    package var paths: [String] {
        switch self {
        case .secrets: Self.credentials + Self.system + Self.browsers.paths + Self.history.paths
        case .browsers:
            [
                ".mozilla", ".config/google-chrome", ".config/google-chrome-beta", ".config/chromium",
                ".config/BraveSoftware", ".config/microsoft-edge", ".config/vivaldi", ".config/opera",
                ".cache/mozilla", ".cache/google-chrome", ".cache/chromium", "snap/firefox", "snap/chromium",
                ".var/app/org.mozilla.firefox", ".var/app/com.google.Chrome", ".librewolf",
            ].map(Self.below)
        case .history:
            [
                ".bash_history", ".zsh_history", ".zhistory", ".histfile", ".local/share/fish/fish_history",
                ".python_history", ".node_repl_history", ".sqlite_history", ".psql_history", ".mysql_history",
                ".rediscli_history", ".irb_history", ".lesshst", ".viminfo",
            ].map(Self.below)
        case .mail:
            [
                ".thunderbird", ".config/evolution", ".local/share/evolution", ".local/share/kmail2", "Mail", "Maildir",
                ".mail", ".mutt", ".config/mutt", ".config/neomutt", ".muttrc", ".mbsyncrc", ".msmtprc",
                ".config/msmtp",
            ].map(Self.below) + ["/var/mail", "/var/spool/mail"]
        }
    }

    private static let credentials = [
        ".ssh", ".gnupg", ".aws", ".azure", ".config/gcloud", ".config/gh", ".config/glab-cli", ".config/hub",
        ".docker",
        ".kube", ".netrc", ".npmrc", ".yarnrc.yml", ".pypirc", ".cargo/credentials", ".cargo/credentials.toml",
        ".gem/credentials", ".m2/settings.xml", ".gradle/gradle.properties", ".terraform.d", ".vault-token",
        ".git-credentials", ".config/git/credentials", ".claude/.credentials.json", ".claude.json", ".config/op",
        ".password-store", ".local/share/keyrings", ".config/claudine", ".config/rclone", ".s3cfg", ".boto", ".pgpass",
        ".my.cnf", ".databrickscfg", ".config/containers/auth.json",
    ].map(below)

    private static let system = [
        "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d",
        "/etc/ssl/private", "/etc/claudine", "/run/user", "/run/docker.sock", "/run/containerd", "/run/podman",
        "/run/secrets", "/var/lib/docker", "/var/lib/containerd",
    ]

    private static func below(_ path: String) -> String { "~/" + path }

    static let accepted = allCases.map(\.rawValue).joined(separator: ", ")

    /// Finds the set of an entry of `filesystem.deny`, or its one path.
    static func paths(of entry: String) -> [String] { HiddenSet(rawValue: entry)?.paths ?? [entry] }
}

/// Sets of names below a workspace that `workspace.protect` names.
package enum ProtectedSet: String, Sendable, CaseIterable {
    case execOnOpen = "@exec-on-open"
    case instructions = "@instructions"
    case pipelines = "@pipelines"

    /// What is in it, for people.
    package var meaning: String {
        switch self {
        case .execOnOpen: "what makes other programs run something once somebody opens the directory"
        case .instructions: "what agents are told about the project"
        case .pipelines: "what a build server runs with its own credentials"
        }
    }

    package var names: [String] {
        switch self {
        case .execOnOpen:
            [
                ".git/hooks", ".git/config", ".git/info/attributes", ".gitmodules", ".claude", ".mcp.json", ".vscode",
                ".idea", ".envrc", ".husky", "lefthook.yml", ".pre-commit-config.yaml", WorkspaceFile.name,
            ]
        case .instructions:
            [
                "CLAUDE.md", "CLAUDE.local.md", "AGENTS.md", "GEMINI.md", ".cursorrules", ".cursor", ".windsurfrules",
                ".github/copilot-instructions.md",
            ]
        case .pipelines:
            [
                ".github/workflows", ".github/actions", ".gitlab-ci.yml", ".circleci", "Jenkinsfile",
                "azure-pipelines.yml", "bitbucket-pipelines.yml", ".travis.yml", ".woodpecker.yml", ".drone.yml",
                ".buildkite",
            ]
        }
    }

    static let accepted = allCases.map(\.rawValue).joined(separator: ", ")

    static func names(of entry: String) -> [String] { ProtectedSet(rawValue: entry)?.names ?? [entry] }
}
