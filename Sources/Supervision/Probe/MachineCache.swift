import Glibc
import Policy

/// The file that keeps what was found: a line with the key, then a line for each thing that is missing.
///
/// One that is not exactly as it was written, belongs to another or can be written by others, is not believed.
struct MachineCache {
    let path: String
    let key: MachineKey

    /// The format; changes with what is tried.
    private static let version = "claudine-machine-2"

    /// - Parameter mending: seconds for which something missing is believed.
    func read(mending: Int) -> Machine? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
            status.st_mode & 0o022 == 0, let text = SmallFile.read(path)
        else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard lines.popFirst() == "\(Self.version) \(key.text)", lines.popLast() == "", lines.popLast() == "end" else {
            return nil
        }
        // The line for pid_max is always there.
        if lines.count > 1, time(nil) - status.st_mtim.tv_sec > mending || status.st_mtim.tv_sec > time(nil) {
            return nil
        }
        guard let own = lines.popFirst(), ["pid_max own", "pid_max shared"].contains(own) else { return nil }
        var machine = Machine(ownPidMax: own == "pid_max own", isRemembered: true)
        for line in lines {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 4, let code = Int32(fields[1]) else { return nil }
            let finding = MissingLayers.Finding(errno: code, what: fields[2], fix: fields[3])
            if fields[0] == Self.idmap {
                machine.idmap = finding
            } else {
                guard let layer = Layer(rawValue: fields[0]) else { return nil }
                machine.missing[layer] = finding
            }
        }
        return machine
    }

    /// A cache that cannot be written costs a probe each time, and nothing else.
    func write(_ machine: Machine) {
        var findings = machine.missing.layers.compactMap { layer in machine.missing[layer].map { (layer.rawValue, $0) }
        }
        if let idmap = machine.idmap { findings.append((Self.idmap, idmap)) }
        let lines = findings.map { "\($0.0)\t\($0.1.errno)\t\($0.1.what)\t\($0.1.fix)\n" }
        let text =
            "\(Self.version) \(key.text)\npid_max \(machine.ownPidMax ? "own" : "shared")\n\(lines.joined())end\n"
        let temporary = "\(path).\(getpid())"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        let written = text.withCString { Glibc.write(file, $0, strlen($0)) }
        guard close(file) == 0, written == text.utf8.count, rename(temporary, path) == 0 else {
            unlink(temporary)
            return
        }
    }

    private static let idmap = "idmap"
}
