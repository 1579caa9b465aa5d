// The byte order of every payload that describes an attempt. docs/protocol.md lists the same fields in the same order.

extension StartOrder: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        fence = try reader.read()
        nonce = try reader.readBytes()
        clocks = try Clocks(from: &reader)
        output = try OutputOrder(from: &reader)
        limits = try LimitOrder(from: &reader)
        candidates = try reader.readByteLists()
        arguments = try reader.readByteLists()
        environment = try reader.readByteLists()
        workingDirectory = try reader.readBytes()
        cage = try CageOrder(from: &reader)
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(fence)
        writer.write(nonce)
        clocks.write(to: &writer)
        output.write(to: &writer)
        limits.write(to: &writer)
        writer.write(candidates)
        writer.write(arguments)
        writer.write(environment)
        writer.write(workingDirectory)
        cage.write(to: &writer)
    }
}

extension Clocks: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        wall = try reader.read()
        idle = try reader.read()
        grace = try reader.read()
        orphanGrace = try reader.read()
        linger = try reader.read()
        killWait = try reader.read()
        heartbeat = try reader.read()
    }

    package func write(to writer: inout ByteWriter) {
        for value in [wall, idle, grace, orphanGrace, linger, killWait, heartbeat] { writer.write(value) }
    }
}

extension OutputOrder: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        head = try reader.read()
        tail = try reader.read()
        limit = try reader.read()
        paced = try reader.readBool()
        window = try reader.read()
        // Sums of these are positions in a file: 2^62 keeps every one of them representable.
        guard head < 1 << 62, tail < 1 << 62, window < 1 << 62 else { throw .unknownValue }
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(head)
        writer.write(tail)
        writer.write(limit)
        writer.write(paced)
        writer.write(window)
    }
}

extension LimitOrder: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        memory = try reader.read()
        cpu = try reader.read()
        processes = try reader.read()
    }

    package func write(to writer: inout ByteWriter) {
        for value in [memory, cpu, processes] { writer.write(value) }
    }
}

extension CageOrder: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        namespaces = try reader.read()
        uid = try reader.read()
        gid = try reader.read()
        hostname = try reader.readBytes()
        pidMax = try reader.read()
        nesting = try reader.readBool()
        mounts = try reader.readList()
        listeners = try reader.readList()
        rlimits = try reader.readList()
        oomScoreAdjust = try reader.read()
        nice = try reader.read()
        landlock = try LandlockOrder(from: &reader)
        seccomp = try reader.readBytes()
        cgroup = try reader.readBytes()
        controllers = try reader.readByteLists()
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(namespaces)
        writer.write(uid)
        writer.write(gid)
        writer.write(hostname)
        writer.write(pidMax)
        writer.write(nesting)
        writer.write(mounts)
        writer.write(listeners)
        writer.write(rlimits)
        writer.write(oomScoreAdjust)
        writer.write(nice)
        landlock.write(to: &writer)
        writer.write(seccomp)
        writer.write(cgroup)
        writer.write(controllers)
    }
}

extension MountStep: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        guard let kind = Kind(rawValue: try reader.read()) else { throw .unknownValue }
        self.kind = kind
        flags = Flags(rawValue: try reader.read())
        source = try reader.readBytes()
        target = try reader.readBytes()
        size = try reader.read()
        inodes = try reader.read()
        mode = try reader.read()
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(kind.rawValue)
        writer.write(flags.rawValue)
        writer.write(source)
        writer.write(target)
        writer.write(size)
        writer.write(inodes)
        writer.write(mode)
    }
}

extension ListenerStep: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        guard let kind = Kind(rawValue: try reader.read()) else { throw .unknownValue }
        self.kind = kind
        port = try reader.read()
        path = try reader.readBytes()
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(kind.rawValue)
        writer.write(port)
        writer.write(path)
    }
}

extension ResourceLimit: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        resource = try reader.read()
        soft = try reader.read()
        hard = try reader.read()
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(resource)
        writer.write(soft)
        writer.write(hard)
    }
}

extension LandlockOrder: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        handledFiles = try reader.read()
        handledNetwork = try reader.read()
        scoped = try reader.read()
        rules = try reader.readList()
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(handledFiles)
        writer.write(handledNetwork)
        writer.write(scoped)
        writer.write(rules)
    }
}

extension LandlockRule: WireValue {
    package init(from reader: inout ByteReader) throws(WireError) {
        path = try reader.readBytes()
        rights = try reader.read()
    }

    package func write(to writer: inout ByteWriter) {
        writer.write(path)
        writer.write(rights)
    }
}
