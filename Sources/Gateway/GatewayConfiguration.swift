/// Everything that one task's gateway needs to know, frozen when the task starts.
package struct GatewayConfiguration: Sendable {
    package var upstream: UpstreamAddress
    package var credential: Credential
    /// PEM certificates trusted besides the system's, for an upstream behind a private authority.
    package var trustRootsFile: String?
    package var limits: GatewayLimits

    package init(
        upstream: UpstreamAddress = .publicAPI, credential: Credential, trustRootsFile: String? = nil,
        limits: GatewayLimits = GatewayLimits()
    ) {
        self.upstream = upstream
        self.credential = credential
        self.trustRootsFile = trustRootsFile
        self.limits = limits
    }
}

/// The bounds of what one cage may ask of its gateway.
package struct GatewayLimits: Sendable {
    /// Bytes of a request's body as they are on the wire; 32 MiB is the API's own bound for messages.
    package var bodyBytes = 32 << 20
    /// Bytes of all names and values of a request's headers.
    package var headerBytes = 64 << 10
    /// Connections open at once. Each takes two descriptors of the supervisor, which other tasks need too.
    package var connections = 128
    /// From a connection's being free to the end of its next request's headers.
    package var headTimeout: Duration = .seconds(120)
    /// Between two pieces of a request's body, while the upstream takes them.
    package var bodyTimeout: Duration = .seconds(60)
    /// For the TCP connection to the upstream.
    package var connectTimeout: Duration = .seconds(15)
    /// How long a connection to the upstream is kept for the next request. Shorter than any common
    /// middlebox's patience, so that a request is not written into a connection that is already gone.
    package var parkTimeout: Duration = .seconds(30)

    package init() {}
}
