import FoundationEssentials
import Glibc

/// The login that Claude Code keeps in `~/.claude/.credentials.json`.
enum StoredLogin {
    /// A token that ends sooner than this is as good as expired: the first request may take minutes.
    static let margin: TimeInterval = 60
    /// The file holds a few tokens; a larger one is not read.
    static let maximumBytes = 1 << 20

    private struct File: Decodable {
        struct Login: Decodable {
            let accessToken: String
            /// Milliseconds since 1970.
            let expiresAt: Double?
        }
        let claudeAiOauth: Login?
    }

    /// The access token, or `nil` when there is none, it has expired, or the file is not the user's own.
    ///
    /// Not finding one is no error here: this is the last place `auto` looks in, and the caller warns.
    static func accessToken(home: String, now: Date) -> Credential? {
        let path = home + "/.claude/.credentials.json"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
            let bytes = SecretFile.readAll(descriptor, limit: maximumBytes),
            let file = try? JSONDecoder().decode(File.self, from: Data(bytes)),
            let login = file.claudeAiOauth,
            !login.accessToken.isEmpty, login.accessToken.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        if let expiry = login.expiresAt, expiry / 1000 < now.timeIntervalSince1970 + margin { return nil }
        return .oauth(login.accessToken, origin: path)
    }
}
