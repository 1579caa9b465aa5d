/// What the gateway adds to a request so that the upstream accepts it.
///
/// The secret has no public face: printing, dumping, interpolating or reflecting a credential shows its kind and
/// origin only.
package struct Credential: Sendable, Equatable {
    /// How the secret is presented to the upstream.
    package enum Kind: String, Sendable {
        /// `x-api-key: SECRET`
        case apiKey
        /// `authorization: Bearer SECRET`
        case bearer
        /// `authorization: Bearer SECRET`, with the beta that subscription tokens need.
        case oauth
        /// Nothing was found; every request is answered 401 without calling the upstream.
        case none
    }

    package let kind: Kind
    /// Where it came from, for people: "ANTHROPIC_API_KEY", "/run/secrets/key".
    package let origin: String
    let secret: String

    private init(kind: Kind, secret: String, origin: String) {
        self.kind = kind
        self.secret = secret
        self.origin = origin
    }

    package static func apiKey(_ secret: String, origin: String) -> Credential {
        Credential(kind: .apiKey, secret: secret, origin: origin)
    }

    package static func bearer(_ token: String, origin: String) -> Credential {
        Credential(kind: .bearer, secret: token, origin: origin)
    }

    package static func oauth(_ token: String, origin: String) -> Credential {
        Credential(kind: .oauth, secret: token, origin: origin)
    }

    package static let none = Credential(kind: .none, secret: "", origin: "nowhere")
}

extension Credential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String {
        kind == .none ? "no credential" : "\(kind.rawValue) from \(origin) [redacted]"
    }

    package var debugDescription: String { description }

    package var customMirror: Mirror {
        Mirror(self, children: ["kind": kind, "origin": origin], displayStyle: .struct)
    }
}
