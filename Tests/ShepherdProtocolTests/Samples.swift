@testable import ShepherdProtocol

/// Messages with every field set to something of its own, so that two swapped fields are noticed.
enum Samples {
    static var start: StartOrder {
        var start = StartOrder()
        start.fence = 7
        start.nonce = Bytes(0..<16)
        start.clocks.wall = 1
        start.clocks.idle = 2
        start.clocks.grace = 3
        start.clocks.orphanGrace = 4
        start.clocks.linger = 5
        start.clocks.killWait = 6
        start.clocks.heartbeat = 7
        start.output.head = 8
        start.output.tail = 9
        start.output.limit = 10
        start.output.paced = true
        start.output.window = 11
        start.limits.memory = 12
        start.limits.cpu = 18
        start.limits.processes = 19
        start.candidates = [Bytes("/usr/bin/true".utf8), [0xFF, 0xFE]]
        start.arguments = [Bytes("true".utf8), []]
        start.environment = [Bytes("A=b".utf8)]
        start.workingDirectory = Bytes("/w".utf8)
        start.cage.namespaces = 0x7E02_0000
        start.cage.uid = 1000
        start.cage.gid = 1001
        start.cage.hostname = Bytes("host".utf8)
        start.cage.pidMax = 512
        start.cage.nesting = true
        start.cage.mounts = [
            MountStep(.tmpfsRoot, target: Bytes("/".utf8), size: 1, inodes: 2, mode: 0o755),
            MountStep(.bind, flags: [.readOnly, .ownerMapped], source: Bytes("/a".utf8), target: Bytes("/b".utf8)),
        ]
        start.cage.listeners = [ListenerStep(.unix, path: Bytes("/s".utf8)), ListenerStep(.loopback4, port: 80)]
        start.cage.rlimits = [ResourceLimit(resource: 7, soft: 13, hard: .max)]
        start.cage.oomScoreAdjust = -5
        start.cage.nice = 10
        start.cage.landlock.handledFiles = 14
        start.cage.landlock.handledNetwork = 15
        start.cage.landlock.scoped = 16
        start.cage.landlock.rules = [LandlockRule(path: Bytes("/l".utf8), rights: 17)]
        start.cage.seccomp = Bytes(repeating: 6, count: 16)
        start.cage.cgroup = Bytes("/g".utf8)
        start.cage.controllers = [Bytes("/m".utf8), Bytes("/p".utf8)]
        return start
    }

    static var receipt: CageReceipt {
        var receipt = CageReceipt()
        receipt.noNewPrivileges = 1
        receipt.seccompMode = 2
        receipt.capabilities.inheritable = 3
        receipt.capabilities.permitted = 4
        receipt.capabilities.effective = 5
        receipt.capabilities.bounding = 6
        receipt.capabilities.ambient = 7
        receipt.uid = 8
        receipt.gid = 9
        receipt.uidMap = Bytes("8 8 1".utf8)
        receipt.namespaces = [NamespaceID(kind: 1, worker: 2, host: 3)]
        receipt.pidMax = 10
        receipt.rlimits = [ResourceLimit(resource: 1, soft: 2, hard: 3)]
        return receipt
    }

    static var treeEmpty: TreeEmpty {
        var empty = TreeEmpty()
        empty.reason = .wall
        empty.ourSignal = true
        empty.stragglers = 1
        empty.cpu = 2
        empty.maxResident = 3
        empty.peakMemory = 4
        empty.maxProcesses = 5
        empty.wall = 6
        empty.killing = 7
        empty.output.stdout = 8
        empty.output.stderr = 9
        empty.output.lost = true
        return empty
    }

    static let exit = LeaderExit(end: .signalled(15), ourSignal: true, reason: .cancel, at: 77, survivors: 3)

    static let commands: [Command] = [
        .start(start), .stop(.cancel, force: true), .credit(.stderr, offset: 1 << 40), .abort, .acknowledge,
    ]

    static var reports: [Report] {
        var usage = Usage()
        usage.processes = 4
        usage.threads = 6
        usage.memory = 1 << 33
        usage.cpu = 1 << 34
        return [
            .hello(Hello(oldestVersion: 1, newestVersion: 2, pid: 3, startTime: 4, at: 5, lockHeld: true)),
            .receipt(receipt), .started(Started(initPid: 1, workerPid: 2, startTime: 3, at: 4, setup: 5)),
            .spawnError(SpawnError(stage: .exec, index: 2, errno: -3, found: true)), .output(treeEmpty.output),
            .usage(usage), .heartbeat(at: 9), .stopping(.idle, killing: true), .exit(exit), .treeEmpty(treeEmpty),
            .stuck(processes: 12), .denied(DeniedCall(call: 165, count: 1 << 35, program: Bytes("mount".utf8))),
        ]
    }
}
