import Glibc
import OutputLog
import ShepherdProtocol
import Store

/// The file a shepherd leaves for whoever has to find out what became of its attempt.
enum Receipt {
    /// - Returns: nil when it is missing, torn, or of another attempt.
    static func read(_ directory: String, claim: Claim) -> ReceiptFile? {
        let file = open("\(directory)/receipt", O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = Bytes(repeating: 0, count: ReceiptFile.size)
        guard pread(file, &bytes, bytes.count, 0) == bytes.count, let receipt = try? ReceiptFile(encoded: bytes),
            receipt.fence == UInt64(claim.fence), receipt.nonce == claim.nonce
        else { return nil }
        return receipt
    }

    /// What can still be told of an attempt whose shepherd did not report its end: how much it wrote.
    static func outputOnly(_ directory: String) -> TreeEmpty? {
        guard let output = try? AttemptOutput(directory: directory), let header = try? output.header() else {
            return nil
        }
        var empty = TreeEmpty()
        empty.output.stdout = header.stdoutTotal
        empty.output.stderr = header.stderrTotal
        return empty
    }
}
