/// Why a gateway cannot be set up; nothing is listening after one of these was thrown.
package enum GatewayError: Error, Sendable, Equatable {
    /// The upstream address is not one the gateway can call.
    case upstream(String, problem: String)
    /// The credential source is not `auto`, `env:NAME` or `file:PATH`.
    case credentialSource(String)
    /// The named source exists in the configuration but gives no usable credential.
    case credential(origin: String, problem: String, fix: String)
    /// A file of trusted certificates cannot be used.
    case trustRoots(path: String, problem: String)
    /// One of the sockets handed over is not a listening stream socket, or cannot be watched.
    case listener(descriptor: CInt, problem: String)

    /// The stable word for machines.
    package var code: String {
        switch self {
        case .upstream: "gateway.upstream"
        case .credentialSource: "gateway.credentialSource"
        case .credential: "gateway.credential"
        case .trustRoots: "gateway.trustRoots"
        case .listener: "gateway.listener"
        }
    }

    /// What happened, to what; never contains a secret.
    package var message: String {
        switch self {
        case .upstream(let text, let problem):
            // An address with a user name may have a password as well.
            text.contains("@")
                ? "the upstream cannot be used: \(problem)" : "the upstream \"\(text)\" cannot be used: \(problem)"
        // Never the text: the commonest mistake is to write the key itself.
        case .credentialSource: "the gateway's credential is not written as a source"
        case .credential(let origin, let problem, _): "the credential from \(origin) cannot be used: \(problem)"
        case .trustRoots(let path, let problem): "the certificates in \(path) cannot be used: \(problem)"
        case .listener(let descriptor, let problem): "file descriptor \(descriptor) cannot be listened on: \(problem)"
        }
    }

    /// What to do next.
    package var hint: String {
        switch self {
        case .upstream: "give http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH]"
        case .credentialSource: "use auto, env:NAME or file:PATH"
        case .credential(_, _, let fix): fix
        case .trustRoots: "give a readable file of PEM certificates"
        case .listener: "this is a fault in Claudine; please report it"
        }
    }
}

extension GatewayError: CustomStringConvertible {
    package var description: String { "[\(code)] \(message)" }
}
