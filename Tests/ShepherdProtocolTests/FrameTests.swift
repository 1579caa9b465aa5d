import Testing

@testable import ShepherdProtocol

/// A small generator with a seed, so that a failure can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

func hex(_ text: String) -> Bytes {
    let digits = text.filter { !$0.isWhitespace }.utf8.map { UInt8($0 > 96 ? $0 - 87 : $0 - 48) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

@Suite("Frames")
struct FrameTests {
    /// The bytes of docs/protocol.md: they never change within a version.
    @Test(
        "golden frames",
        arguments: [
            (
                Frame(type: 0x04, flags: .mustUnderstand, sequence: 2, payload: [1, 0]),
                "0000000e 01 04 0001 00000002 00000000 0100"
            ),
            (Frame(type: 0x0C, flags: .mustUnderstand, sequence: 3), "0000000c 01 0c 0001 00000003 00000000"),
            (
                Frame(type: 0x87, flags: .mustUnderstand, sequence: 7, payload: [0, 0, 0, 0, 0, 0, 1, 0]),
                "00000014 01 87 0001 00000007 00000000 0000000000000100"
            ),
        ])
    func golden(frame: Frame, text: String) throws {
        #expect(frame.encoded == hex(text))
        var decoder = FrameDecoder()
        // The golden frames start at other sequence numbers; what precedes them is made up.
        for sequence in 1..<frame.sequence { decoder.append(Frame(type: 0x87, sequence: sequence).encoded) }
        decoder.append(hex(text))
        var last: Frame?
        while let next = try decoder.next() { last = next }
        #expect(last == frame)
    }

    @Test("a stream may be cut at every byte")
    func splits() throws {
        var sequence: UInt32 = 0
        let bytes =
            Frame.frames(of: 0x81, payload: Bytes(0..<40), sequence: &sequence)
            + Frame.frames(of: 0x84, payload: [], sequence: &sequence)
            + Frame.frames(of: 0x89, payload: Bytes(repeating: 9, count: 300), sequence: &sequence)
        for cut in 0...bytes.count {
            var decoder = FrameDecoder()
            var found: [Frame] = []
            for part in [bytes[..<cut], bytes[cut...]] {
                decoder.append(Bytes(part))
                while let frame = try decoder.next() { found.append(frame) }
            }
            try decoder.finish()
            #expect(found.map(\.type) == [0x81, 0x84, 0x89], "cut at \(cut)")
            #expect(found.map(\.payload.count) == [40, 0, 300])
        }
        for cut in 1..<bytes.count where cut != 56 && cut != 72 {
            var decoder = FrameDecoder()
            decoder.append(Bytes(bytes[..<cut]))
            while try decoder.next() != nil {}
            #expect(throws: FrameError.truncated) { try decoder.finish() }
        }
    }

    @Test("a message larger than a frame is put together again", arguments: [1 << 20, 1 << 20 + 1, 3 << 20 + 5])
    func fragments(size: Int) throws {
        var sequence: UInt32 = 0
        let payload = Bytes((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let bytes = Frame.frames(of: 0x02, payload: payload, sequence: &sequence)
        #expect(sequence == UInt32((size + Frame.maximumPayload - 1) / Frame.maximumPayload))
        var decoder = FrameDecoder()
        decoder.append(bytes)
        let frame = try decoder.next()
        #expect(frame?.payload == payload)
        #expect(frame?.sequence == sequence)
        try decoder.finish()
    }

    @Test(
        "a bad length is refused before anything is allocated",
        arguments: [0, 1, 11, 1_048_589, 0x8000_0000, 0xFFFF_FFFF] as [UInt32])
    func lengths(length: UInt32) {
        var decoder = FrameDecoder()
        var writer = ByteWriter()
        writer.write(length)
        decoder.append(writer.bytes)
        #expect(throws: FrameError.length) { try decoder.next() }
    }

    @Test("an unknown version, a gap, a repetition and a mixed message are errors")
    func malformed() {
        func decode(_ bytes: Bytes) throws(FrameError) {
            var decoder = FrameDecoder()
            decoder.append(bytes)
            while try decoder.next() != nil {}
        }
        #expect(throws: FrameError.version) { try decode(hex("0000000c 02 81 0000 00000001 00000000")) }
        #expect(throws: FrameError.sequence) { try decode(Frame(type: 0x81, sequence: 2).encoded) }
        #expect(throws: FrameError.sequence) {
            try decode(Frame(type: 0x81, sequence: 1).encoded + Frame(type: 0x81, sequence: 1).encoded)
        }
        #expect(throws: FrameError.fragment) {
            try decode(
                Frame(type: 0x02, flags: .more, sequence: 1).encoded + Frame(type: 0x04, sequence: 2).encoded)
        }
        let part = Frame(type: 0x02, flags: .more, sequence: 1, payload: Bytes(repeating: 0, count: 1 << 20))
        #expect(throws: FrameError.fragment) {
            try decode(
                (1...17).flatMap { number -> Bytes in
                    var frame = part
                    frame.sequence = UInt32(number)
                    return frame.encoded
                })
        }
    }

    @Test("random bytes and flipped bits never trap", arguments: 0..<300)
    func fuzz(seed: Int) {
        var random = SplitMix64(state: UInt64(seed))
        var sequence: UInt32 = 0
        var bytes = Frame.frames(of: 0x02, payload: Samples.start.payload, sequence: &sequence)
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
        }
        var decoder = FrameDecoder()
        decoder.append(bytes)
        while let frame = try? decoder.next() {
            _ = try? Command(type: frame.type, payload: frame.payload)
            _ = try? Report(type: frame.type, payload: frame.payload)
        }
        for type in UInt8.min ... .max {
            let noise = Bytes((0..<40).map { _ in UInt8.random(in: .min ... .max, using: &random) })
            _ = try? Command(type: type, payload: noise)
            _ = try? Report(type: type, payload: noise)
        }
    }
}

struct VersionTests {
    @Test(
        arguments: [
            (1, 1, 1), (1, 9, 1), (0, 1, 1), (2, 9, nil), (0, 0, nil), (9, 1, nil), (255, 255, nil),
        ] as [(UInt8, UInt8, UInt8?)])
    func theNewestVersionThatBothSpeakIsChosen(_ oldest: UInt8, _ newest: UInt8, _ chosen: UInt8?) {
        #expect(Frame.common(oldest: oldest, newest: newest) == chosen)
    }

    @Test func aFrameOfAVersionThatNobodySpeaksIsRefused() {
        for version in [Frame.oldestVersion - 1, Frame.newestVersion + 1, .max] {
            var bytes = Frame(type: 1, sequence: 1).encoded
            bytes[4] = version
            var decoder = FrameDecoder()
            decoder.append(bytes)
            #expect(throws: FrameError.version) { try decoder.next() }
        }
    }
}
