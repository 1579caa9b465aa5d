import Glibc

/// Starts a thread for what blocks, which none of those may that run tasks.
func startThread(_ body: @escaping @Sendable () -> Void) throws(StreamError) {
    let box = Unmanaged.passRetained(Body(run: body))
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, box.toOpaque())
    guard code == 0 else {
        box.release()
        throw StreamError(code: code)
    }
    pthread_detach(thread)
}

private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(run: @escaping @Sendable () -> Void) { self.run = run }
}
