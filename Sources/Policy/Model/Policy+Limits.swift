package import ShepherdProtocol

/// What a caller asks for on top of a policy; nil leaves the policy's own value.
package struct LimitRequest: Equatable, Sendable {
    package var wall: Bound<TimeSpan>?
    package var idle: Bound<TimeSpan>?
    package var memory: Bound<ByteSize>?
    package var processes: Int?
    package var outputLimit: Bound<ByteSize>?

    package init(
        wall: Bound<TimeSpan>? = nil, idle: Bound<TimeSpan>? = nil, memory: Bound<ByteSize>? = nil,
        processes: Int? = nil, outputLimit: Bound<ByteSize>? = nil
    ) {
        self.wall = wall
        self.idle = idle
        self.memory = memory
        self.processes = processes
        self.outputLimit = outputLimit
    }
}

extension Policy {
    /// The policy with the requested limits, each at most the policy's own.
    ///
    /// More than the policy's is `refused.ceiling`, never reduced; less than a cage can live on is `refused.config`.
    ///
    /// - Parameter file: the workspace's own file, where it has tightened the policy.
    package func narrowed(by request: LimitRequest, tightenedBy file: String? = nil) throws(PolicyError) -> Policy {
        do throws(PolicyError) {
            return try limited(to: request)
        } catch {
            guard let file, error.code == .ceiling else { throw error }
            var error = error
            error.message += "; \(file) tightens that policy"
            throw error
        }
    }

    private func limited(to request: LimitRequest) throws(PolicyError) -> Policy {
        var result = self
        result.process.wallTime = try narrow(
            process.wallTime, to: request.wall, least: Floor.time, "process.wall_time", "--timeout")
        result.process.idleTime = try narrow(
            process.idleTime, to: request.idle, least: Floor.time, "process.idle_time", "--idle-timeout")
        result.limits.memory = try narrow(
            limits.memory, to: request.memory, least: Floor.memory, "limits.memory", "--memory")
        result.limits.processes = try narrow(
            limits.processes, to: request.processes, least: Floor.processes, "limits.processes", "--processes")
        result.limits.output.limit = try narrow(
            limits.output.limit, to: request.outputLimit, least: Floor.output, "limits.output.limit", "--output-limit")
        return result
    }

    private func narrow<Value: Comparable & CustomStringConvertible>(
        _ ceiling: Value, to request: Value?, least: Value, _ field: String, _ option: String
    ) throws(PolicyError) -> Value {
        guard let request else { return ceiling }
        guard request <= ceiling else {
            throw PolicyError(
                .ceiling, "\(option) \(request) is above what policy '\(name)' allows (\(field) = \(ceiling))",
                hint: "ask for at most \(ceiling), or choose a policy that allows more",
                detail: ["field": field, "bound": ceiling.description, "found": request.description])
        }
        guard request >= least else {
            throw PolicyError(
                .config, "\(option) \(request) is too little for any task; the least is \(least)",
                detail: ["field": field, "bound": least.description, "found": request.description])
        }
        return request
    }

    /// What the shepherd's clocks are set to; heartbeat and kill wait keep their defaults.
    package var clocks: Clocks {
        var clocks = Clocks()
        clocks.wall = process.wallTime.value?.nanoseconds ?? .max
        clocks.idle = process.idleTime.value?.nanoseconds ?? .max
        clocks.grace = process.killGrace.nanoseconds
        clocks.linger = process.linger.nanoseconds
        return clocks
    }

    /// How much output is kept, and after how much the task is stopped.
    package var outputOrder: OutputOrder {
        var order = OutputOrder()
        order.head = limits.output.head.bytes
        order.tail = limits.output.tail.bytes
        order.limit = limits.output.limit.value?.bytes ?? .max
        return order
    }

    /// What the shepherd watches, where no cgroup does.
    package var limitOrder: LimitOrder {
        var order = LimitOrder()
        order.memory = limits.memory.value?.bytes ?? .max
        order.cpu = limits.cpuTime.value?.nanoseconds ?? .max
        order.processes = UInt64(limits.processes)
        return order
    }
}

/// The least that makes sense; below it every task would end at once and the limit is a mistake.
enum Floor {
    static let time = Bound.limited(TimeSpan(milliseconds: 1))
    /// A shell with libc takes a few MiB.
    static let memory = Bound.limited(ByteSize(bytes: 1 << 20))
    /// The cage's init and the worker.
    static let processes = 2
    static let output = Bound.limited(ByteSize(bytes: 1 << 10))
}
