import OrderedCollections

/// The members of `params._meta` that the protocol has names for.
public enum MetaKey {
    public static let version = "io.modelcontextprotocol/protocolVersion"
    public static let capabilities = "io.modelcontextprotocol/clientCapabilities"
    public static let client = "io.modelcontextprotocol/clientInfo"
    public static let logLevel = "io.modelcontextprotocol/logLevel"
    public static let server = "io.modelcontextprotocol/serverInfo"
    public static let subscription = "io.modelcontextprotocol/subscriptionId"
    public static let progressToken = "progressToken"

    static let envelope = [version, capabilities, client, logLevel]
}

/// Name and version of a program.
public struct Implementation: Hashable, Sendable {
    public var name: String
    public var version: String
    public var title: String?
    public var websiteURL: String?

    public init(name: String, version: String, title: String? = nil, websiteURL: String? = nil) {
        self.name = name
        self.version = version
        self.title = title
        self.websiteURL = websiteURL
    }

    init?(_ json: JSON?) {
        guard let name = json?["name"]?.string, let version = json?["version"]?.string else { return nil }
        self.init(name: name, version: version, title: json?["title"]?.string)
    }

    var json: JSON {
        .members([
            "name": .string(name), "title": title.map(JSON.string), "version": .string(version),
            "websiteUrl": websiteURL.map(JSON.string),
        ])
    }
}

/// What a client says it can do.
public struct ClientCapabilities: Hashable, Sendable {
    public var json: JSON

    public init(_ json: JSON = [:]) { self.json = json }

    /// An empty `elicitation` means forms (2026-07-28, "Elicitation").
    public var elicitsForms: Bool {
        guard let elicitation = json["elicitation"]?.object else { return false }
        return elicitation["form"] != nil || elicitation["url"] == nil
    }

    public var elicitsURLs: Bool { json["elicitation"]?["url"] != nil }
    public var samples: Bool { json["sampling"] != nil }
    public var hasRoots: Bool { json["roots"] != nil }
    public func hasExtension(_ name: String) -> Bool { json["extensions"]?[name]?.object != nil }
    public var hasTasks: Bool { hasExtension(TaskExtension.name) }
}

/// Who asks, and how he is to be answered: of one request, or agreed upon by `initialize`.
public struct Client: Hashable, Sendable {
    public var version: ProtocolVersion
    public var capabilities: ClientCapabilities
    /// For people and records, never for decisions.
    public var info: Implementation?

    public init(version: ProtocolVersion, capabilities: ClientCapabilities, info: Implementation?) {
        self.version = version
        self.capabilities = capabilities
        self.info = info
    }
}

/// Reads the envelope of a request, or finds that there is none.
enum Envelope {
    case modern(Client)
    /// What was agreed upon counts.
    case none

    init(_ params: JSON) throws(ResponseError) {
        let meta = params["_meta"] ?? [:]
        guard meta.object != nil else { throw .invalidParams("'_meta' has to be an object, not \(meta.kind).") }
        guard MetaKey.envelope.contains(where: { meta[$0] != nil }) else {
            self = .none
            return
        }
        guard let version = meta[MetaKey.version] else { throw Self.missing(MetaKey.version) }
        guard let name = version.string else { throw Self.wrong(MetaKey.version, "a string", version) }
        guard let known = ProtocolVersion(rawValue: name), known.isModern else {
            throw ResponseError(
                .unsupportedVersion, "The version '\(name.prefix(40))' of the protocol is not spoken here.",
                data: .members([
                    "supported": .array(ProtocolVersion.modern.map { .string($0.rawValue) }),
                    "requested": .string(String(name.prefix(40))),
                ]))
        }
        guard let capabilities = meta[MetaKey.capabilities] else { throw Self.missing(MetaKey.capabilities) }
        guard capabilities.object != nil else { throw Self.wrong(MetaKey.capabilities, "an object", capabilities) }
        if let info = meta[MetaKey.client], Implementation(info) == nil {
            throw .invalidParams("'_meta[\"\(MetaKey.client)\"]' has to have a name and a version.")
        }
        if let level = meta[MetaKey.logLevel], LogLevel(rawValue: level.string ?? "") == nil {
            throw .invalidParams("'_meta[\"\(MetaKey.logLevel)\"]' is none of \(LogLevel.names).")
        }
        self = .modern(
            Client(
                version: known, capabilities: ClientCapabilities(capabilities),
                info: Implementation(meta[MetaKey.client])))
    }

    static func missing(_ key: String) -> ResponseError {
        .invalidParams("'_meta[\"\(key)\"]' is missing.", data: .members(["missing": .string(key)]))
    }

    private static func wrong(_ key: String, _ wanted: String, _ found: JSON) -> ResponseError {
        .invalidParams("'_meta[\"\(key)\"]' has to be \(wanted), not \(found.kind).")
    }
}

/// RFC 5424's, by which the protocol's log messages are known.
public enum LogLevel: String, CaseIterable, Comparable, Sendable {
    case debug, info, notice, warning, error, critical, alert, emergency

    static let names = allCases.map(\.rawValue).joined(separator: ", ")

    public static func < (one: Self, other: Self) -> Bool { order(one) < order(other) }
    private static func order(_ level: Self) -> Int { allCases.firstIndex(of: level) ?? 0 }
}
