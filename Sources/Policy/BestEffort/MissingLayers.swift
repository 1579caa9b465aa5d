/// Which mechanisms this machine does not give, as found by trying them.
package struct MissingLayers: Equatable, Sendable, Codable {
    /// Why one is missing, and what to do.
    package struct Finding: Equatable, Sendable, Codable {
        package var errno: Int32
        /// What happened, without a final full stop.
        package var what: String
        package var fix: String

        package init(errno: Int32, what: String, fix: String) {
            self.errno = errno
            self.what = what
            self.fix = fix
        }
    }

    /// By the layer's name in policies.
    private var findings: [String: Finding]

    package init(_ findings: [Layer: Finding] = [:]) {
        self.findings = Dictionary(uniqueKeysWithValues: findings.map { ($0.key.rawValue, $0.value) })
    }

    package subscript(_ layer: Layer) -> Finding? {
        get { findings[layer.rawValue] }
        set { findings[layer.rawValue] = newValue }
    }

    package var layers: [Layer] { Layer.allCases.filter { self[$0] != nil } }

    /// A cage stands on these three; without one of them there is only the best-effort level.
    package static let foundation: [Layer] = [.userNamespace, .pidNamespace, .mountNamespace]

    package var hasCage: Bool { Self.foundation.allSatisfy { self[$0] == nil } }

    /// `CLONE_NEW*` of what cannot be had.
    var namespaces: UInt64 {
        let flags: [(Layer, UInt64)] = [
            (.networkNamespace, CloneFlags.network), (.ipcNamespace, CloneFlags.ipc), (.utsNamespace, CloneFlags.uts),
            (.cgroupNamespace, CloneFlags.cgroup),
        ]
        return flags.reduce(0) { self[$1.0] == nil ? $0 : $0 | $1.1 }
    }

    /// What a policy asks for and does not get in a cage of its own, by the names of the record.
    package func degraded(_ policy: Policy) -> [String] {
        layers.filter { layer in
            switch layer {
            case .networkNamespace: policy.network.mode != .open
            case .landlock: policy.landlock.mode != .off
            case .notification: policy.syscalls.denied == .report && policy.syscalls.profile != .off
            case .seccomp: policy.syscalls.profile != .off
            default: true
            }
        }.map(\.recordName)
    }

    func errno(of layer: Layer) -> Int32 { (self[layer] ?? cause)?.errno ?? 0 }
    func fix(of layer: Layer) -> String {
        (self[layer] ?? cause)?.fix ?? "claudine doctor shows what this machine gives"
    }

    /// Why there is no cage.
    private var cause: Finding? { Self.foundation.lazy.compactMap { self[$0] }.first }

    /// The error for a layer that a policy does not do without.
    package func refusal(of layer: Layer, by policy: Policy) -> PolicyError {
        let finding = self[layer] ?? cause
        let named = self[layer] == nil ? Self.foundation.first { self[$0] != nil } ?? layer : layer
        return PolicyError(
            .policy,
            "policy '\(policy.name)' does not run without \(named.recordName): "
                + (finding?.what ?? "it is missing here"),
            hint: finding?.fix,
            detail: [
                "layer": named.recordName, "errno": String(finding?.errno ?? 0),
                "fix": finding?.fix ?? "claudine doctor",
            ])
    }
}
