import Foundation
import Testing

@testable import Policy

@Suite("Where paths lead")
struct PathPlacesTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        let files = FileManager.default
        let base = directory.path
        try files.createDirectory(atPath: "\(base)/real/inner", withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: "\(base)/real/file"))
        for (name, target) in [
            ("link", "real"), ("dangling", "nowhere/x"), ("loop", "loop"), ("top", "/"), ("real/up", "../link/inner"),
        ] {
            try files.createSymbolicLink(atPath: "\(base)/\(name)", withDestinationPath: target)
        }
    }

    @Test(
        "what several begin with is looked at once, and comes to the same",
        arguments: [
            ("/real/inner", "/real/inner"), ("/link/inner", "/real/inner"), ("/link", "/real"),
            ("/real/up", "/real/inner"),
            ("/link/up/deeper/still", "/real/inner/deeper/still"), ("/missing", "/missing"),
            ("/missing/../real", "/missing/../real"), ("/link/../real/file", "/real/file"),
            ("/real/./file", "/real/file"),
            ("/real/file/below", "/real/file/below"), ("/dangling", "/dangling"), ("/dangling/a", "/dangling/a"),
            ("/loop/a", "/loop/a"), ("//real//inner/", "/real/inner"), ("/link\u{0}", "/link\u{0}"),
        ])
    func places(_ path: String, _ place: String) {
        let base = directory.path
        #expect(RealPath.place(base + path) == base + place)
        #expect(
            PathPlaces.places(of: ["\(base)/link/up", base + path, base + path])[1...] == [base + place, base + place])
        if !path.utf8.contains(0), let real = RealPath.resolve(base + path) { #expect(real == base + place) }
    }

    @Test("the root is the root, however it is reached")
    func root() {
        let base = directory.path
        #expect(
            PathPlaces.places(of: ["/", "//", "/..", "\(base)/top", "\(base)/top/etc-missing"])
                == ["/", "/", "/", "/", "/etc-missing"])
    }
}
