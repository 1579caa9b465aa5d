import Foundation
import MCPClients

/// What one client's file says about the server.
struct ClientCheck: Encodable {
    enum State: String, Encodable {
        /// It starts this very program.
        case ok
        /// It starts another one.
        case other
        /// It starts something that is not there.
        case broken
        /// It cannot be read.
        case unreadable
        /// It does not know the server.
        case absent

        var isBad: Bool { self == .broken || self == .unreadable }
    }

    var client: String
    var scope: String?
    var file: String?
    var state: State
    var command: String?
    var problem: String?

    /// Of every client that is found here: each file that knows the server, or that none does.
    static func all(server: String, _ own: ServerEntry, in surroundings: Surroundings) throws -> [ClientCheck] {
        var checks: [ClientCheck] = []
        for client in ClientProgram.allCases where try client.trace(in: surroundings) != nil {
            let scopes = ClientProgram.Scope.allCases.filter { $0 != .local || client == .claude }
            let found = try scopes.compactMap { scope in
                try of(client, scope, client.place(scope, of: server, in: surroundings), own)
            }
            checks += found.isEmpty ? [ClientCheck(client: client.rawValue, state: .absent)] : found
        }
        return checks
    }

    private static func of(
        _ client: ClientProgram, _ scope: ClientProgram.Scope, _ place: ClientProgram.Place, _ own: ServerEntry
    ) -> ClientCheck? {
        var check = ClientCheck(client: client.rawValue, scope: scope.rawValue, file: place.file, state: .ok)
        do throws(SetupError) {
            guard let entry = try Change.present(client, at: place) else { return nil }
            check.command = entry.command
            let isOwn = URL(fileURLWithPath: entry.command).resolvingSymlinksInPath().path == own.command
            check.state = isOwn ? .ok : access(entry.command, X_OK) == 0 ? .other : .broken
        } catch {
            check.state = .unreadable
            check.problem = error.message
        }
        return check
    }

    var row: [TextTable.Cell] {
        let what = ([client] + [scope].compactMap(\.self)).joined(separator: ", ")
        let file = (file ?? "").oneLine
        let command = (command ?? "").oneLine
        return switch state {
        case .ok: [.init("ok", .green), .init(what), .init("\(file) starts this program")]
        case .other: [.init("other", .yellow), .init(what), .init("\(file) starts \(command)")]
        case .broken: [.init("broken", .red), .init(what), .init("\(file) starts \(command), which cannot be run")]
        case .unreadable: [.init("broken", .red), .init(what), .init((problem ?? file).oneLine)]
        case .absent: [.init("-", .dim), .init(what), .init("not told yet: claudine mcp install --client \(client)")]
        }
    }
}
