import Foundation

/// The variables this process was started with.
enum Environment {
    static let current = ProcessInfo.processInfo.environment
}
