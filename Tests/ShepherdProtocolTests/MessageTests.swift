import Testing

@testable import ShepherdProtocol

@Suite("Messages")
struct MessageTests {
    @Test("every command survives the way there", arguments: Samples.commands)
    func commands(command: Command) throws {
        #expect(try Command(type: command.type, payload: command.payload) == command)
    }

    @Test("every report survives the way back", arguments: Samples.reports)
    func reports(report: Report) throws {
        #expect(try Report(type: report.type, payload: report.payload) == report)
    }

    @Test("a payload cut anywhere, or with a byte too many, is refused")
    func cuts() {
        for command in Samples.commands {
            let payload = command.payload
            for length in 0..<payload.count {
                #expect(throws: WireError.self) { try Command(type: command.type, payload: Bytes(payload[..<length])) }
            }
            #expect(throws: WireError.self) { try Command(type: command.type, payload: payload + [0]) }
        }
        for report in Samples.reports {
            let payload = report.payload
            for length in 0..<payload.count {
                #expect(throws: WireError.self) { try Report(type: report.type, payload: Bytes(payload[..<length])) }
            }
            #expect(throws: WireError.self) { try Report(type: report.type, payload: payload + [0]) }
        }
    }

    @Test("types of a later version are none of ours")
    func unknownTypes() throws {
        #expect(try Command(type: 0x7F, payload: []) == nil)
        #expect(try Report(type: 0xFF, payload: [1, 2]) == nil)
    }

    @Test("a count that cannot be true allocates nothing")
    func counts() {
        var writer = ByteWriter()
        writer.write(UInt32.max)
        var reader = ByteReader(writer.bytes)
        #expect(throws: WireError.tooMany) { try reader.readByteLists() }
        reader = ByteReader(writer.bytes)
        #expect(throws: WireError.truncated) { try reader.readBytes() }
    }

    /// docs/protocol.md, START: the first bytes of a payload, so that a reordered field is noticed although both sides agree.
    @Test("START has its documented order")
    func startLayout() {
        let payload = Samples.start.payload
        #expect(payload.prefix(8) == [0, 0, 0, 0, 0, 0, 0, 7][...])
        #expect(payload[8..<28] == ([0, 0, 0, 16] + Bytes(0..<16))[...])
        #expect(payload[28..<36] == [0, 0, 0, 0, 0, 0, 0, 1][...])
    }
}

@Suite("Receipt file")
struct ReceiptFileTests {
    @Test("what is written is read", arguments: [AttemptPhase.armed, .forking, .running, .exited, .empty])
    func roundTrip(phase: AttemptPhase) throws {
        var receipt = ReceiptFile(fence: 9, nonce: Bytes(0..<16))
        receipt.phase = phase
        if phase.rawValue >= AttemptPhase.exited.rawValue { receipt.exit = Samples.exit }
        if phase == .empty { receipt.empty = Samples.treeEmpty }
        #expect(receipt.encoded.count == ReceiptFile.size)
        #expect(try ReceiptFile(encoded: receipt.encoded) == receipt)
    }

    @Test("a torn or foreign one is refused")
    func torn() {
        var receipt = ReceiptFile(fence: 9, nonce: Bytes(0..<16))
        receipt.exit = Samples.exit
        receipt.phase = .exited
        let bytes = receipt.encoded
        #expect(throws: WireError.self) { try ReceiptFile(encoded: Bytes(repeating: 0, count: ReceiptFile.size)) }
        // Only bytes behind the checksum may change.
        let used = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
        for position in 0..<used {
            var changed = bytes
            changed[position] ^= 0x40
            #expect(throws: WireError.self, "byte \(position)") { try ReceiptFile(encoded: changed) }
        }
    }
}
