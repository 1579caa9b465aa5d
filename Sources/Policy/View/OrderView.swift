package import ShepherdProtocol

/// What a cage shows of the host's files: asked of the order itself, so that it holds for whatever policy led to it.
package struct OrderView: Sendable {
    package enum Access: Equatable, Sendable {
        /// Not there, or something else in its place.
        case hidden
        case readOnly
        case writable
    }

    private let order: CageOrder

    package init(_ order: CageOrder) { self.order = order }

    /// What the worker may do with a file or directory of the host at its own path, as far as mounts and Landlock decide.
    ///
    /// - Parameter path: absolute and canonical.
    package func access(to path: String) -> Access {
        let mounted = mounted(at: path)
        guard mounted != .hidden, order.landlock.handledFiles != 0 else { return mounted }
        let rights = order.landlock.rules.filter { covers($0.path, path) }.reduce(UInt64(0)) { $0 | $1.rights }
        if rights & (LandlockRights.readFile | LandlockRights.readDirectory) == 0 { return .hidden }
        return rights & LandlockRights.writeFile == 0 ? .readOnly : mounted
    }

    /// The same as far as mounts alone decide: the longest target does (`MountPlan`); without mounts everything is where it is.
    package func mounted(at path: String) -> Access {
        let steps = order.mounts.filter { $0.kind != .seal && covers($0.target, path) }
        guard let step = steps.max(by: { $0.target.count < $1.target.count }) else {
            return order.mounts.isEmpty ? .writable : .hidden
        }
        switch step.kind {
        case .hostRoot, .bind:
            guard step.kind == .hostRoot || step.source == step.target else { return .hidden }
            return step.flags.contains(.readOnly) ? .readOnly : .writable
        case .tmpfsRoot, .tmpfs, .directory, .symlink, .hide, .proc, .devices, .seal: return .hidden
        }
    }

    private func covers(_ target: Bytes, _ path: String) -> Bool {
        RealPath.isPath(path, within: String(decoding: target, as: UTF8.self))
    }
}
