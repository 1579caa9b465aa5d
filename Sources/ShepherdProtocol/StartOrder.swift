/// Everything one attempt needs, frozen when it was claimed: the payload of START.
package struct StartOrder: Equatable, Sendable {
    package var fence: UInt64 = 0
    /// 16 random bytes, also in the worker's environment as `CLAUDINE_NONCE`.
    package var nonce: Bytes = []
    package var clocks = Clocks()
    package var output = OutputOrder()
    package var limits = LimitOrder()
    /// Absolute paths inside the cage, tried in order as execvp(3) does.
    package var candidates: [Bytes] = []
    package var arguments: [Bytes] = []
    /// `NAME=value` entries.
    package var environment: [Bytes] = []
    package var workingDirectory: Bytes = []
    package var cage = CageOrder()

    package init() {}
}

/// Nanoseconds of CLOCK_BOOTTIME; `UInt64.max` means no bound.
package struct Clocks: Equatable, Sendable {
    /// From exec to the stop ladder.
    package var wall: UInt64 = .max
    /// Without a byte of output.
    package var idle: UInt64 = .max
    /// Between SIGTERM and SIGKILL.
    package var grace: UInt64 = 10_000_000_000
    /// The same when the supervisor is gone.
    package var orphanGrace: UInt64 = 5_000_000_000
    /// What survivors of a natural exit are given.
    package var linger: UInt64 = 0
    /// After SIGKILL, until STUCK is reported.
    package var killWait: UInt64 = 15_000_000_000
    package var heartbeat: UInt64 = 2_000_000_000

    package init() {}
}

/// How much of each output stream is kept; bytes.
package struct OutputOrder: Equatable, Sendable {
    package var head: UInt64 = 1 << 20
    package var tail: UInt64 = 9 << 20
    /// Bytes of both streams together after which the task is stopped (`limit.output`).
    package var limit: UInt64 = .max
    /// The supervisor passes output on as it comes: never read further than CREDIT allows (`window` bytes ahead).
    package var paced = false
    package var window: UInt64 = 4 << 20

    package init() {}
}

/// What the shepherd watches by sampling the cage's processes; `UInt64.max` where there is no bound or the kernel keeps it.
package struct LimitOrder: Equatable, Sendable {
    /// Bytes of all processes together.
    package var memory: UInt64 = .max
    /// Nanoseconds of processor time of all processes together, the dead ones included.
    package var cpu: UInt64 = .max
    /// Processes and threads; a cage that stays at it is stopped.
    package var processes: UInt64 = .max

    package init() {}
}
