import MCP
import Toml

/// What is to become of the file of one client: planned, shown, and then done or not.
package struct Change: Sendable {
    package enum Kind: String, Sendable {
        /// There is a file where there was none, or none where only this was in it.
        case create, remove
        case change
        case none
    }

    package let client: ClientProgram
    package let kind: Kind
    /// The path that the client reads, and the file that it leads to.
    package let path: String
    package let target: String
    /// Whether that is another one than it looks.
    package let isLink: Bool
    /// The difference as `diff -u` has it; empty where there is none.
    package var difference: String {
        let none = "/dev/null"
        return UnifiedDifference(
            file.bytes ?? [], after ?? [], kind == .create ? none : target, kind == .remove ? none : target
        ).text
    }

    private let file: ClientFile
    private let isShared: Bool
    /// Nil for no file.
    private let after: [UInt8]?

    private init(
        _ client: ClientProgram, _ file: ClientFile, _ after: [UInt8]?, _ place: ClientProgram.Place
    ) throws(SetupError) {
        self.client = client
        isShared = place.isShared
        isLink = file.isLink(below: place.base)
        self.file = file
        self.after = after
        (path, target) = (file.path, file.target)
        kind = after == file.bytes ? .none : file.bytes == nil ? .create : after == nil ? .remove : .change
        if kind != .none { try file.checkWritable() }
    }

    /// Does it: the whole file or nothing.
    package func apply() throws(SetupError) {
        guard kind != .none else { return }
        if let after { try file.replace(with: after, isShared: isShared) } else { try file.remove() }
    }

    // MARK: - Planning

    /// Tells the client to start `entry`. An entry of that name that is there keeps everything but its command and its arguments.
    package static func installing(
        _ entry: ServerEntry, in client: ClientProgram, at place: ClientProgram.Place, variables: [String]
    ) throws(SetupError) -> Change {
        let configuration = ClientConfiguration(client, place, variables: variables)
        try configuration.checkVariables(entry)
        let file = try ClientFile(place.file)
        do throws(SetupError) {
            let after = try configuration.setting(entry, in: file.bytes)
            guard try configuration.entry(in: after) == entry else {
                throw SetupError(
                    .unchangeable, "the entry could not be put in safely",
                    hint: "add what --print shows by hand")
            }
            return try Change(client, file, after, place)
        } catch {
            throw error.inFile(place.file)
        }
    }

    /// Takes the entry out, whatever it starts.
    package static func uninstalling(_ client: ClientProgram, at place: ClientProgram.Place) throws(SetupError)
        -> Change
    {
        let configuration = ClientConfiguration(client, place)
        let file = try ClientFile(place.file)
        do throws(SetupError) {
            guard let bytes = file.bytes else { return try Change(client, file, nil, place) }
            return try Change(client, file, configuration.removing(from: bytes), place)
        } catch {
            throw error.inFile(place.file)
        }
    }

    /// What the client is told to start now; nil when it knows no such server, or starts none for it.
    package static func present(_ client: ClientProgram, at place: ClientProgram.Place) throws(SetupError)
        -> ServerEntry?
    {
        guard let bytes = try ClientFile(place.file).bytes else { return nil }
        do throws(SetupError) {
            return try ClientConfiguration(client, place).entry(in: bytes)
        } catch {
            throw error.inFile(place.file)
        }
    }
}
