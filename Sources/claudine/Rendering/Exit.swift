import Glibc
import Store

/// The one way out of the program.
enum Exit {
    static func with(_ code: Int32) -> Never {
        exit(code)
    }

    /// Says what went wrong, once, and exits as the contract's table has it.
    static func failing(_ error: any Error, asJSON: Bool) -> Never {
        let failure =
            error as? Failure
            ?? Failure("internal", "Something unforeseen happened: \(error)", exitCode: ExitCodes.no)
        if asJSON, let text = try? JSONText.encode(failure.json), (try? StandardOutput.write(text + "\n")) != nil {
            exit(failure.exitCode)
        }
        StandardError.write(failure.text)
        exit(failure.exitCode)
    }
}
