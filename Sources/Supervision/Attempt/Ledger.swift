import Store

/// What an attempt has to tell a database that takes nothing for now: locked by another process, full, on a disk that fails.
///
/// Notes wait in their order and are tried again; what must be written is insisted on, with back-off, until it is (study A.7, R28).
/// Meanwhile the attempt runs on, or keeps its slot.
struct Ledger {
    private let store: Store
    private let wish: LocalWish
    private let tell: (@Sendable (String) -> Void)?

    private var notes: [(Store) throws(StoreError) -> Void] = []
    /// Not asked before this: each refusal may take as long as the store waits for a lock, and shepherds are not to wait for that.
    private var restsUntil = ContinuousClock.now
    private var rest = Ledger.shortest
    private var hasTold = false

    private static let shortest = Duration.milliseconds(100)
    private static let longest = Duration.seconds(5)

    /// - Parameter tell: a sentence for the user, once.
    init(_ store: Store, wish: LocalWish, tell: (@Sendable (String) -> Void)?) {
        self.store = store
        self.wish = wish
        self.tell = tell
    }

    /// Writes a note about progress now, or as soon as the database takes it.
    mutating func note(_ note: @escaping (Store) throws(StoreError) -> Void) throws(StoreError) {
        notes.append(note)
        _ = try ask { _ in }
    }

    /// Reads what is to be known by now; nil when the database does not answer. Notes that wait are written first.
    mutating func ask<Value>(_ question: (Store) throws(StoreError) -> Value) throws(StoreError) -> Value? {
        guard restsUntil <= .now else { return nil }
        do throws(StoreError) {
            return try attempt(question)
        } catch {
            guard error.mayPass else { throw error }
            return nil
        }
    }

    /// Repeats `body` until the database takes it, behind the notes that wait.
    ///
    /// Throws when no waiting helps; also when the user leaves: then the shepherd's receipt tells the next process.
    mutating func insist<Value>(_ body: (Store) throws(StoreError) -> Value) async throws(StoreError) -> Value {
        while true {
            do throws(StoreError) {
                return try attempt(body)
            } catch {
                guard error.mayPass, !wish.hasLeft, !Task.isCancelled else { throw error }
                if !hasTold {
                    tell?("it cannot be written down yet: \(error.message) Trying again; interrupt twice to leave.")
                    hasTold = true
                }
                try? await Task.sleep(until: restsUntil, clock: .continuous)
            }
        }
    }

    private mutating func attempt<Value>(_ body: (Store) throws(StoreError) -> Value) throws(StoreError) -> Value {
        do throws(StoreError) {
            while let first = notes.first {
                try first(store)
                notes.removeFirst()
            }
            let value = try body(store)
            rest = Self.shortest
            return value
        } catch {
            restsUntil = .now + rest
            rest = min(rest * 2, Self.longest)
            throw error
        }
    }
}
