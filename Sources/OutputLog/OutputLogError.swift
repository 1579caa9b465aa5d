/// Why captured output could not be read; `description` is a sentence for people.
package enum OutputLogError: Error, Equatable, CustomStringConvertible {
    /// The attempt has not written any output index yet, or its files were removed.
    case notThere(file: String)
    /// The kernel refused; `error` is the errno.
    case unreadable(file: String, error: Int32)
    /// The index is not one of ours, or says something impossible.
    case malformed(file: String)

    package var description: String {
        switch self {
        case .notThere(let file): "there is no output at \(file)"
        case .unreadable(let file, let error): "the output file \(file) cannot be read: \(systemMessage(error))"
        case .malformed(let file): "\(file) is not an output index of Claudine, or it was damaged"
        }
    }
}
