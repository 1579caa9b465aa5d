import Foundation
import Toml

/// A policy with the place it came from.
package struct LoadedPolicy: Equatable, Sendable {
    package enum Source: Equatable, Sendable, CustomStringConvertible {
        case builtIn
        case file(String)

        package var description: String {
            switch self {
            case .builtIn: "built-in"
            case .file(let path): path
            }
        }
    }
    package var policy: Policy
    package var source: Source
    /// The file as it stands, for `policy show --toml`.
    package var text: String
    /// By the key of a field: where its value is written; the last is decisive, and those before it are lists that it changes.
    package var origins: [String: [Origin]]

    package struct Origin: Equatable, Sendable, Codable {
        /// The path of the file, or `built-in NAME`.
        package var file: String
        package var line: Int
    }
}

/// Where policies are found: the user's directory, the machine's, then the built-in ones. Never the workspace.
package struct PolicyLibrary: Sendable {
    /// Directories of `NAME.toml`, the first that has a name wins.
    package var directories: [String]

    /// The caller's home, as the environment has it.
    private var home: String?

    package init(directories: [String]) { self.directories = directories }

    /// `$CLAUDINE_CONFIG_DIR/policies`, or else `$XDG_CONFIG_HOME/claudine/policies` (`~/.config`), then `/etc/claudine/policies`.
    package init(environment: [String: String]) {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil } }
        home = variable("HOME")
        let configuration =
            variable("CLAUDINE_CONFIG_DIR")
            ?? (variable("XDG_CONFIG_HOME") ?? variable("HOME").map { $0 + "/.config" }).map { $0 + "/claudine" }
        directories = [configuration, "/etc/claudine"].compactMap { $0.map { $0 + "/policies" } }
    }

    /// The built-in policies, from the tightest to the loosest.
    package static let builtInNames = ["paranoid", "readonly", "strict", "standard", "permissive"]
    package static let defaultName = "standard"

    /// Whether `text` names a file, not a policy.
    package static func isFile(_ text: String) -> Bool { text.contains("/") || text.hasSuffix(".toml") }

    /// A name, or a file where there is a `/` or `.toml` in it.
    package func load(_ nameOrFile: String) throws(PolicyError) -> LoadedPolicy {
        try load(nameOrFile, extending: [])
    }

    /// Every name that can be loaded, sorted, built-in ones first; a file that cannot be loaded is listed with its error.
    package func list() throws(PolicyError) -> [(name: String, result: Result<LoadedPolicy, PolicyError>)] {
        var names = Self.builtInNames
        for directory in directories {
            for name in try Self.names(in: directory) where !names.contains(name) { names.append(name) }
        }
        let count = Self.builtInNames.count
        return (names[..<count] + names[count...].sorted()).map { name in
            do throws(PolicyError) {
                return (name, .success(try load(name)))
            } catch {
                return (name, .failure(error))
            }
        }
    }

    /// `chain` holds the names that extend this one, so that a circle is found.
    private func load(_ nameOrFile: String, extending chain: [String]) throws(PolicyError) -> LoadedPolicy {
        let isFile = Self.isFile(nameOrFile)
        guard isFile || PolicyName.isValid(nameOrFile) else {
            throw PolicyError(
                .config, "'\(nameOrFile)' is not a policy name",
                hint: "a name has \(PolicyName.accepted); a file needs a / or .toml",
                detail: ["bound": PolicyName.accepted, "found": nameOrFile])
        }
        guard !isFile else { return try loadFile(nameOrFile, extending: chain) }

        let path = directories.map { "\($0)/\(nameOrFile).toml" }.first { access($0, F_OK) == 0 || isLink($0) }
        if let builtIn = try Self.builtIn(nameOrFile) {
            if let path { throw Self.shadowed(nameOrFile, by: path) }
            return try parse(builtIn, as: .builtIn, extending: chain)
        }
        guard let path else {
            throw PolicyError(
                .config, "there is no policy '\(nameOrFile)'",
                hint: "claudine policy list shows what there is; searched: "
                    + (directories + ["built-in"]).joined(separator: ", "),
                detail: ["bound": "a known policy", "found": nameOrFile])
        }
        return try loadFile(path, extending: chain)
    }

    private func loadFile(_ path: String, extending chain: [String]) throws(PolicyError) -> LoadedPolicy {
        let source = try PolicySource(file: path, text: try TrustedFile.read(path))
        let loaded = try parse(source, as: .file(path), extending: chain)
        let policy = loaded.policy
        guard !Self.builtInNames.contains(policy.name) else { throw Self.shadowed(policy.name, by: path) }
        let stem = String(path.split(separator: "/").last ?? "")
        guard stem == policy.name + ".toml" else {
            throw source.failure(
                "name", "'\(policy.name)' does not fit the file's name; a policy's file is NAME.toml",
                bound: policy.name + ".toml", found: stem)
        }
        return loaded
    }

    private func parse(
        _ source: PolicySource, as place: LoadedPolicy.Source, extending chain: [String]
    ) throws(PolicyError) -> LoadedPolicy {
        var base: LoadedPolicy?
        let loader = PolicyLoader(paths: PathText(home: home)) { (name: String) throws(PolicyError) -> Policy in
            guard PolicyName.isValid(name) else {
                throw source.failure(
                    "extends", "'\(name)' is not a policy name", bound: PolicyName.accepted, found: name)
            }
            guard !chain.contains(name) else {
                throw source.failure(
                    "extends", "'\(name)' extends itself in the end", bound: "no circle",
                    found: (chain + [name]).joined(separator: " < "))
            }
            let loaded = try load(name, extending: chain + [name])
            base = loaded
            return loaded.policy
        }
        let policy = try loader.load(source)
        var origins = base?.origins ?? [:]
        for field in PolicyField.all {
            guard let value = source.value(field.key) else { continue }
            let origin = LoadedPolicy.Origin(file: source.file, line: value.line)
            // A table changes what is inherited, unless it is a table by nature.
            let changes = value.table != nil && field.key != "environment.set"
            origins[field.key] = (changes ? origins[field.key] ?? [] : []) + [origin]
        }
        return LoadedPolicy(policy: policy, source: place, text: source.text, origins: origins)
    }

    private static func builtIn(_ name: String) throws(PolicyError) -> PolicySource? {
        let bytes: [UInt8]
        switch name {
        case "paranoid": bytes = PackageResources.paranoid_toml
        case "readonly": bytes = PackageResources.readonly_toml
        case "strict": bytes = PackageResources.strict_toml
        case "standard": bytes = PackageResources.standard_toml
        case "permissive": bytes = PackageResources.permissive_toml
        default: return nil
        }
        return try PolicySource(file: "built-in \(name)", text: String(decoding: bytes, as: UTF8.self))
    }

    private static func shadowed(_ name: String, by path: String) -> PolicyError {
        PolicyError(
            .config, "\(path): '\(name)' is the name of a built-in policy",
            hint: "rename it, for example to my-\(name).toml with name = \"my-\(name)\" and extends = \"\(name)\"",
            detail: ["file": path, "line": "1", "key": "name", "bound": "not a built-in name", "found": name])
    }

    /// The policy names of a directory; one that does not exist has none.
    private static func names(in directory: String) throws(PolicyError) -> [String] {
        guard let stream = opendir(directory) else {
            let code = errno
            guard code != ENOENT, code != ENOTDIR else { return [] }
            let reason = String(cString: strerror(code))
            throw PolicyError(
                .config, "\(directory): the policies cannot be listed: \(reason)",
                detail: ["file": directory, "bound": "a readable directory", "found": reason])
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let file = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard file.hasSuffix(".toml"), PolicyName.isValid(String(file.dropLast(5))) else { continue }
            names.append(String(file.dropLast(5)))
        }
        return names
    }
}

/// A dangling link has to be refused as a link, not overlooked.
private func isLink(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
}
