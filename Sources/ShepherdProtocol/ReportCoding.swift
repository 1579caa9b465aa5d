// The byte order of every report's payload. docs/protocol.md lists the same fields in the same order.

extension Hello: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        self.init(
            oldestVersion: try reader.read(), newestVersion: try reader.read(), pid: try reader.read(),
            startTime: try reader.read(), at: try reader.read(), lockHeld: try reader.readBool())
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(oldestVersion)
        writer.write(newestVersion)
        writer.write(pid)
        writer.write(startTime)
        writer.write(at)
        writer.write(lockHeld)
    }
}

extension Started: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        self.init(
            initPid: try reader.read(), workerPid: try reader.read(), startTime: try reader.read(),
            at: try reader.read(), setup: try reader.read())
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(initPid)
        writer.write(workerPid)
        writer.write(startTime)
        writer.write(at)
        writer.write(setup)
    }
}

extension CageReceipt: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        noNewPrivileges = try reader.read()
        seccompMode = try reader.read()
        capabilities = try CapabilitySets(from: &reader)
        uid = try reader.read()
        gid = try reader.read()
        uidMap = try reader.readBytes()
        namespaces = try reader.readList()
        pidMax = try reader.read()
        rlimits = try reader.readList()
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(noNewPrivileges)
        writer.write(seccompMode)
        capabilities.write(to: &writer)
        writer.write(uid)
        writer.write(gid)
        writer.write(uidMap)
        writer.write(namespaces)
        writer.write(pidMax)
        writer.write(rlimits)
    }
}

extension NamespaceID: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        self.init(kind: try reader.read(), worker: try reader.read(), host: try reader.read())
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(kind)
        writer.write(worker)
        writer.write(host)
    }
}

extension CapabilitySets: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        inheritable = try reader.read()
        permitted = try reader.read()
        effective = try reader.read()
        bounding = try reader.read()
        ambient = try reader.read()
    }

    package func write(to writer: inout ByteWriter) {
        for value in [inheritable, permitted, effective, bounding, ambient] { writer.write(value) }
    }
}

extension SpawnError: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        guard let stage = SpawnStage(rawValue: try reader.read()) else { throw .unknownValue }
        self.init(
            stage: stage, index: try reader.read(), errno: try reader.read(), found: try reader.readBool())
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(stage.rawValue)
        writer.write(index)
        writer.write(errno)
        writer.write(found)
    }
}

extension OutputCount: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        stdout = try reader.read()
        stderr = try reader.read()
        lost = try reader.readBool()
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(stdout)
        writer.write(stderr)
        writer.write(lost)
    }
}

extension Usage: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        processes = try reader.read()
        threads = try reader.read()
        memory = try reader.read()
        cpu = try reader.read()
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(processes)
        writer.write(threads)
        writer.write(memory)
        writer.write(cpu)
    }
}

extension DeniedCall: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        self.init(call: try reader.read(), count: try reader.read(), program: try reader.readBytes())
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(call)
        writer.write(count)
        writer.write(program)
    }
}

extension ProcessEnd: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        let kind: UInt8 = try reader.read()
        let value: UInt8 = try reader.read()
        switch kind {
        case 0: self = .exited(code: value)
        case 1: self = .signalled(value)
        default: throw .unknownValue
        }
    }

    package func write(to writer: inout ByteWriter) {
        switch self {
        case .exited(let code):
            writer.write(UInt8(0))
            writer.write(code)
        case .signalled(let signal):
            writer.write(UInt8(1))
            writer.write(signal)
        }
    }
}

extension StopReason: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        guard let reason = StopReason(rawValue: try reader.read()) else { throw .unknownValue }
        self = reason
    }

    package func write(to writer: inout ByteWriter) { writer.write(rawValue) }
}

extension LeaderExit: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        self.init(
            end: try ProcessEnd(from: &reader), ourSignal: try reader.readBool(),
            reason: try StopReason(from: &reader), at: try reader.read(), survivors: try reader.read())
    }

    package func write(to writer: inout ByteWriter) {
        end.write(to: &writer)
        writer.write(ourSignal)
        reason.write(to: &writer)
        writer.write(at)
        writer.write(survivors)
    }
}

extension TreeEmpty: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        reason = try StopReason(from: &reader)
        ourSignal = try reader.readBool()
        stragglers = try reader.read()
        cpu = try reader.read()
        maxResident = try reader.read()
        peakMemory = try reader.read()
        maxProcesses = try reader.read()
        wall = try reader.read()
        killing = try reader.read()
        output = try OutputCount(from: &reader)
    }

    package func write(to writer: inout ByteWriter) {
        reason.write(to: &writer)
        writer.write(ourSignal)
        writer.write(stragglers)
        writer.write(cpu)
        writer.write(maxResident)
        writer.write(peakMemory)
        writer.write(maxProcesses)
        writer.write(wall)
        writer.write(killing)
        output.write(to: &writer)
    }
}
