import Glibc
package import Policy
package import Store

/// What this machine gives a cage, found out once for each boot and remembered in the state directory.
package struct Machine: Equatable, Sendable {
    package var missing = MissingLayers()
    /// Root only: why files cannot be shown with another owner.
    package var idmap: MissingLayers.Finding?
    /// `kernel.pid_max` caps each cage by itself (Linux 6.14); else RLIMIT_NPROC does, by its user namespace.
    package var ownPidMax = false
    /// From the cache, or tried just now.
    package var isRemembered = false

    /// Seconds for which something is remembered as missing: whoever has mended it should not have to know of the cache.
    private static let mending = 600

    /// - Parameter fresh: try again whatever is remembered.
    package static func current(_ paths: StatePaths, fresh: Bool = false) throws(SupervisionError) -> Machine {
        let shepherd = try ShepherdLocation.find()
        let key: MachineKey
        do throws(StoreError) { key = try MachineKey(shepherd: shepherd) } catch { throw .machine(error.message) }
        let cache = MachineCache(path: "\(paths.directory)/machine", key: key)
        if !fresh, let known = cache.read(mending: mending) { return known }
        let found = try probe(shepherd: shepherd, below: Self.place(paths))
        cache.write(found)
        return found
    }

    /// Where probes have their directories: with the tasks, or where anybody may write if there are none yet.
    static func place(_ paths: StatePaths) -> String {
        access(paths.directory, W_OK) == 0 ? paths.directory : "/tmp"
    }

    /// The next to ask tries again: something that was there is not.
    static func forget(_ paths: StatePaths) { unlink("\(paths.directory)/machine") }

    private static func probe(shepherd: String, below parent: String) throws(SupervisionError) -> Machine {
        let directory = try ProbeDirectory(in: parent)
        var diagnosis: Diagnosis
        do throws(PolicyError) {
            diagnosis = try Diagnosis(shepherd: shepherd, directory: directory.path)
        } catch {
            throw .machine(error.message)
        }
        try diagnosis.run()
        return Machine(missing: diagnosis.missing, idmap: diagnosis.idmap, ownPidMax: diagnosis.ownPidMax)
    }
}
