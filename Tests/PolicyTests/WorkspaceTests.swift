import Foundation
import Testing

@testable import Policy

@Suite struct WorkspaceTests {
    private let directory: TemporaryDirectory
    private let home: String
    private let state: String

    init() throws {
        directory = try TemporaryDirectory()
        home = try directory.make("home")
        state = try directory.make("home/.local/state/claudine")
    }

    private func check(_ path: String) throws -> String {
        try WorkspaceCheck.canonical(path, home: home, stateDirectory: state)
    }

    @Test func anOrdinaryDirectoryIsTakenCanonically() throws {
        let project = try directory.make("home/project")
        let link = directory.path + "/link"
        #expect(symlink(project, link) == 0)
        for path in [project, project + "/", project + "/./", link, link + "/../project"] {
            #expect(try check(path) == project)
        }
    }

    @Test func whatNoAgentMayHaveIsRefused() throws {
        try directory.write("file", "")
        try directory.make("home/.local/state/claudine/attempts")
        let link = directory.path + "/to-home"
        #expect(symlink(home, link) == 0)
        #expect(symlink(state, directory.path + "/to-state") == 0)
        let paths = [
            "", "/", "/..", directory.path + "/absent", directory.path + "/file", home, home + "/", link, state,
            state + "/attempts", directory.path + "/to-state/attempts", home + "/.local", directory.path, "/proc",
            "/proc/self", "/sys", "/dev", "/usr", "/etc", "/tmp", "/home", "a\0b",
        ]
        for path in paths {
            let error = refusal { try check(path) }
            #expect(error?.code == .workspace, "\(path)")
            #expect(error?.exitCode == 125)
            #expect(error?.message.contains("cannot be a workspace: ") == true)
        }
    }

    @Test func aStateDirectoryThatIsNotThereYetCounts() throws {
        let project = try directory.make("project")
        #expect(throws: PolicyError.self) {
            try WorkspaceCheck.canonical(project, home: nil, stateDirectory: project + "/state")
        }
        #expect(try WorkspaceCheck.canonical(project, home: nil, stateDirectory: project + "-state") == project)
    }
}
