import OutputLog
import ShepherdProtocol
import Testing

@Suite struct InterleavingTests {
    @Test(arguments: 0..<30)
    func bothStreamsComeInTheOrderTheyWereRead(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        let writer = ReferenceWriter(head: 1 << 20, tail: 0)
        var expected: [(OutputStream, UInt8)] = []
        for _ in 0..<Int.random(in: 1...200, using: &generator) {
            let stream: OutputStream = Bool.random(using: &generator) ? .stdout : .stderr
            let bytes = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            writer.write(bytes, to: stream, grow: Bool.random(using: &generator))
            expected += bytes.map { (stream, $0) }
        }
        writer.close()
        let output = try writer.open()
        #expect(try Self.all(InterleavedReader(output)).elementsEqual(expected, by: ==))
    }

    @Test(arguments: 0..<20)
    func aReaderThatComesAgainAndAgainMissesAndRepeatsNothing(seed: UInt64) throws {
        var generator = SeededGenerator(seed &+ 1_000)
        let writer = ReferenceWriter(head: 1 << 20, tail: 0)
        let output = try writer.open()
        var reader = InterleavedReader(output)
        var expected: [(OutputStream, UInt8)] = []
        var found: [(OutputStream, UInt8)] = []
        for _ in 0..<100 {
            let stream: OutputStream = Bool.random(using: &generator) ? .stdout : .stderr
            let bytes = (0..<Int.random(in: 1...9, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            writer.write(bytes, to: stream)
            expected += bytes.map { (stream, $0) }
            if Bool.random(using: &generator) { found += try Self.drain(&reader) }
        }
        found += try Self.drain(&reader)
        #expect(found.elementsEqual(expected, by: ==))
    }

    @Test func lostAndTornRecordsCostOrderButNoByte() throws {
        let writer = ReferenceWriter(head: 1 << 20, tail: 0)
        for index in 0..<50 { writer.write([UInt8(index)], to: index % 2 == 0 ? .stdout : .stderr, grow: false) }
        for number in [0, 7, 8, 31, 49] as [UInt64] { writer.tearRecord(number) }
        writer.close()
        let found = try Self.all(InterleavedReader(try writer.open()))
        #expect(found.count == 50)
        #expect(found.filter { $0.0 == .stdout }.map(\.1) == (0..<50).filter { $0 % 2 == 0 }.map(UInt8.init))
        #expect(found.filter { $0.0 == .stderr }.map(\.1) == (0..<50).filter { $0 % 2 == 1 }.map(UInt8.init))
    }

    @Test func moreRecordsThanSlotsStillGiveEveryByteAndTheLastOnesInOrder() throws {
        let writer = ReferenceWriter(head: 1 << 20, tail: 0)
        let count = Int(OutputIndexRecord.headSlots + OutputIndexRecord.ringSlots) + 20_000
        var expected: [(OutputStream, UInt8)] = []
        for index in 0..<count {
            let stream: OutputStream = index % 2 == 0 ? .stdout : .stderr
            writer.write([UInt8(truncatingIfNeeded: index / 2)], to: stream, grow: false)
            expected.append((stream, UInt8(truncatingIfNeeded: index / 2)))
        }
        writer.close()
        let found = try Self.all(InterleavedReader(try writer.open()))
        #expect(found.count == count)
        let first = Int(OutputIndexRecord.headSlots)
        #expect(found.prefix(first).elementsEqual(expected.prefix(first), by: ==))
        let last = Int(OutputIndexRecord.ringSlots) - 1
        #expect(found.suffix(last).elementsEqual(expected.suffix(last), by: ==))
    }

    @Test func itBeginsWhereItIsTold() throws {
        let writer = ReferenceWriter(head: 100, tail: 0)
        for index in 0..<10 { writer.write([UInt8(index)], to: index % 2 == 0 ? .stdout : .stderr, grow: false) }
        let output = try writer.open()
        let found = try Self.all(InterleavedReader(output, from: [.stdout: 3, .stderr: 4]))
        #expect(found.map(\.1) == [6, 8, 9])
    }

    private static func drain(_ reader: inout InterleavedReader) throws -> [(OutputStream, UInt8)] {
        var found: [(OutputStream, UInt8)] = []
        while let piece = try reader.next() {
            guard case .data(let stream, let bytes, _) = piece else { continue }
            found += bytes.map { (stream, $0) }
        }
        return found
    }

    private static func all(_ reader: InterleavedReader) throws -> [(OutputStream, UInt8)] {
        var reader = reader
        return try drain(&reader)
    }
}
